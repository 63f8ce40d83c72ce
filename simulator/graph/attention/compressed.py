"""Compressed attention of DeepSeek-V4 (arXiv:2606.19348): CSA, HCA and their sliding branch.

Every layer attends to the last ``window`` tokens as they are. Beyond that, CSA (compressed
sparse attention) keeps one entry for every 4 tokens and attends to those that an indexer picks;
HCA (heavily compressed attention) keeps one for every 128 and attends to all of them.
"""

from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from simulator.graph.block import (
    BF16,
    AttentionBlock,
    BlockContext,
    CacheFormat,
    divide,
    quantise,
)
from simulator.graph.operator import (
    AttentionCore,
    Elementwise,
    FloatArray,
    Indexer,
    Matmul,
    Operator,
)
from simulator.graph.span import Span
from simulator.specs.model import Size

INDEX_KEY_BYTES = 0.5
"""Bytes of one value of an indexer key: FP4."""


class CompressedAttention(AttentionBlock):
    """A shared key-value head over compressed entries and a sliding window.

    Keys are the values: one head of ``head_size`` that all queries share, stored in FP8 but for
    the ``rope_size`` values that carry the position, which are BF16.

    Args:
        query_rank: width of the compressed query.
        output_groups, output_rank: the output of each group of heads is projected to a rank,
            all ranks together to the residual stream.
        window: uncompressed tokens that every query sees.
        compression: tokens that one compressed entry stands for; absent in a layer that has
            the window alone.
        overlap: compressed entries that one token contributes to (2 in CSA, 1 in HCA).
        top_k: compressed entries that a query attends to; absent where it sees all.
        index_heads, index_size: the indexer that picks them.
    """

    kind: Literal["compressed"] = "compressed"
    query_heads: Size
    query_rank: Size
    head_size: Size
    rope_size: Size
    output_groups: Size
    output_rank: Size
    window: Size
    compression: Size | None = None
    overlap: Size = 1
    top_k: Size | None = None
    index_heads: Size | None = None
    index_size: Size | None = None

    @model_validator(mode="after")
    def _indexer_is_whole(self) -> Self:
        if self.top_k and not (self.compression and self.index_heads and self.index_size):
            raise ValueError("top_k needs compression, index_heads and index_size beside it")
        return self

    def native_bytes(self) -> float:
        """Bytes that a cached value takes on average as DeepSeek stores it."""
        return (self.head_size + self.rope_size) / self.head_size

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        count, linear, size = context.count, context.linear, context.activation_bytes
        heads, head = self.query_heads, self.head_size
        query = heads * head
        down = self.query_rank + head
        stored = head * context.cache.bytes(self.native_bytes())
        ranks = self.output_groups * self.output_rank
        in_group = query // self.output_groups
        return [
            *quantise("attention.down", context.hidden, context, linear),
            Matmul(name="attention.down", n=down, k=context.hidden, precision=linear, count=count),
            Elementwise(
                name="attention.latent_norm",
                role="norm",
                bytes_per_row=2 * down * size,
                kernels=2,
                count=count,
            ),
            *quantise("attention.query_up", self.query_rank, context, linear),
            Matmul(
                name="attention.query_up", n=query, k=self.query_rank, precision=linear, count=count
            ),
            Elementwise(
                name="attention.rope",
                role="rope",
                bytes_per_row=2 * (query + head) * size,
                kernels=2,
                count=count,
            ),
            Elementwise(
                name="attention.cache_write",
                role="cache_write",
                bytes_per_row=head * size + stored,
                count=count,
            ),
            *(self._compressor(context) if self.compression else []),
            *(self._indexer(context) if self.top_k else []),
            self._core("attention.window", Span(window=self.window), context),
            *self._compressed_core(context),
            Elementwise(
                name="attention.rope_back", role="rope", bytes_per_row=2 * query * size, count=count
            ),
            Matmul(
                name="attention.out_groups",
                n=self.output_rank,
                k=in_group,
                precision=linear,
                count=count,
                groups=self.output_groups,
            ),
            *quantise("attention.out", ranks, context, linear),
            Matmul(name="attention.out", n=context.hidden, k=ranks, precision=linear, count=count),
        ]

    def _compressor(self, context: BlockContext) -> list[Operator]:
        """Entries and their weights (K and Z, once for each overlap), pooled to one entry."""
        columns = 2 * self.overlap * self.head_size
        stored = self.head_size * context.cache.bytes(self.native_bytes())
        pooled = columns * context.activation_bytes + stored / (self.compression or 1)
        return [
            Matmul(
                name="attention.compress",
                n=columns,
                k=context.hidden,
                precision=context.linear,
                count=context.count,
            ),
            Elementwise(
                name="attention.compress_pool",
                role="mixing",
                bytes_per_row=pooled,
                kernels=2,
                count=context.count,
            ),
        ]

    def _indexer(self, context: BlockContext) -> list[Operator]:
        count, size = context.count, context.activation_bytes
        heads, width = self.index_heads or 0, self.index_size or 0
        columns = 2 * self.overlap * width
        written = columns * size + width * INDEX_KEY_BYTES / (self.compression or 1)
        return [
            Matmul(
                name="attention.index_query",
                n=heads * width,
                k=self.query_rank,
                precision=context.linear,
                count=count,
            ),
            Matmul(
                name="attention.index_key",
                n=columns,
                k=context.hidden,
                precision=context.linear,
                count=count,
            ),
            Matmul(
                name="attention.index_weights",
                n=heads,
                k=context.hidden,
                precision=BF16,
                count=count,
            ),
            Elementwise(
                name="attention.index_rope",
                role="rope",
                bytes_per_row=2 * heads * width * size,
                kernels=2,
                count=count,
            ),
            Elementwise(
                name="attention.index_write",
                role="cache_write",
                bytes_per_row=written,
                kernels=2,
                count=count,
            ),
            Indexer(
                name="attention.indexer",
                heads=heads,
                key_size=width,
                bytes_per_entry=width * INDEX_KEY_BYTES,
                span=Span(compression=self.compression or 1),
                count=count,
                compute="fp4",
            ),
        ]

    def _compressed_core(self, context: BlockContext) -> list[Operator]:
        if not self.compression:
            return []
        span = Span(top_k=self.top_k, compression=self.compression)
        return [self._core("attention.core", span, context)]

    def _core(self, name: str, span: Span, context: BlockContext) -> AttentionCore:
        return AttentionCore(
            name=name,
            query_heads=self.query_heads,
            kv_heads=1,
            key_size=self.head_size,
            value_size=self.head_size,
            kv_bytes_per_value=context.cache.bytes(self.native_bytes()),
            span=span,
            count=context.count,
            shared_key_value=True,
        )

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``: norms, one sink a head, and the compressors' learned positions."""
        extra = self.query_rank + self.head_size + self.query_heads
        widths = [self.head_size] if self.compression else []
        widths += [self.index_size] if self.top_k and self.index_size else []
        positions = (self.compression or 0) * self.overlap
        return extra + sum(width * (1 + positions) for width in widths)

    def divisible(self) -> tuple[int, ...]:
        """See ``Block``."""
        return (self.query_heads, self.output_groups)

    def sharded(self, tp: int) -> Self:
        """See ``Block``: heads and output groups are divided, the shared head is on every rank."""
        return self.model_copy(
            update={
                "query_heads": self.query_heads // tp,
                "output_groups": divide(self.output_groups, tp),
            }
        )

    def _bytes_per_compressed_entry(self, cache: CacheFormat) -> float:
        index = (self.index_size or 0) * INDEX_KEY_BYTES if self.top_k else 0.0
        return self.head_size * cache.bytes(self.native_bytes()) + index

    def cache_bytes_per_token(self, cache: CacheFormat) -> float:
        """See ``AttentionBlock``: compressed entries and their indexer keys."""
        if not self.compression:
            return 0.0
        return self._bytes_per_compressed_entry(cache) / self.compression

    def cache_bytes(self, context_tokens: FloatArray, cache: CacheFormat) -> FloatArray:
        """See ``AttentionBlock``: the window besides, which soon stops growing."""
        tokens = np.asarray(context_tokens, dtype=np.float64)
        entry = self.head_size * cache.bytes(self.native_bytes())
        window = np.minimum(tokens, self.window) * entry
        return window + tokens * self.cache_bytes_per_token(cache)
