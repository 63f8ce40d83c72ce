"""Compressed attention of DeepSeek-V4 (arXiv:2606.19348): CSA, HCA and their sliding branch.

Every layer attends to the last ``window`` tokens as they are. Beyond that, CSA (compressed
sparse attention) keeps one entry for every 4 tokens and attends to those that an indexer picks;
HCA (heavily compressed attention) keeps one for every 128 and attends to all of them.
"""

from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from simulator.specs.kinds.kind import AttentionKind, FloatArray, Size, divide
from simulator.specs.precision import CacheFormat


class CompressedAttention(AttentionKind):
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

    @property
    def index_key_bytes(self) -> float:
        """Bytes of one indexer key: FP4."""
        return 0.5 * (self.index_size or 0)

    def entry_bytes(self, cache: CacheFormat) -> float:
        """Bytes of one cached entry, compressed or not."""
        return self.head_size * cache.bytes(self.native_bytes())

    def native_bytes(self) -> float:
        """See ``AttentionKind``: one byte, two for the values that carry the position."""
        return (self.head_size + self.rope_size) / self.head_size

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: norms, one sink a head, and the compressors' learned positions."""
        extra = self.query_rank + self.head_size + self.query_heads
        widths = [self.head_size] if self.compression else []
        widths += [self.index_size] if self.top_k and self.index_size else []
        positions = (self.compression or 0) * self.overlap
        return extra + sum(width * (1 + positions) for width in widths)

    def divisible(self) -> tuple[int, ...]:
        """See ``Kind``."""
        return (self.query_heads, self.output_groups)

    def sharded(self, tp: int) -> Self:
        """See ``Kind``: heads and output groups are divided, the shared head is on every rank."""
        return self.model_copy(
            update={
                "query_heads": self.query_heads // tp,
                "output_groups": divide(self.output_groups, tp),
            }
        )

    def cache_bytes_per_token(self, cache: CacheFormat) -> float:
        """See ``AttentionKind``: compressed entries and their indexer keys."""
        if not self.compression:
            return 0.0
        index = self.index_key_bytes if self.top_k else 0.0
        return (self.entry_bytes(cache) + index) / self.compression

    def cache_bytes(self, context_tokens: FloatArray, cache: CacheFormat) -> FloatArray:
        """See ``AttentionKind``: the window besides, which soon stops growing."""
        tokens = np.asarray(context_tokens, dtype=np.float64)
        window = np.minimum(tokens, self.window) * self.entry_bytes(cache)
        return window + tokens * self.cache_bytes_per_token(cache)
