"""Block-sparse grouped-query attention (MiniMax-M3): a scorer picks whole blocks of tokens."""

from typing import Literal

from simulator.graph.attention.grouped_query import SharedKeyAttention
from simulator.graph.block import AttentionBlock, BlockContext, CacheFormat
from simulator.graph.operator import Elementwise, FloatArray, Indexer, Operator
from simulator.graph.span import Span
from simulator.specs.model import Size


class BlockSparseAttention(SharedKeyAttention):
    """Grouped-query attention over the ``top_blocks`` best blocks of ``block_size`` tokens.

    Each KV head has one index head; they share one index key of ``index_size`` a token, cached
    beside keys and values. A block's score is the maximum over its tokens.
    """

    kind: Literal["block-sparse"] = "block-sparse"
    block_size: Size
    top_blocks: Size
    index_heads: Size
    index_size: Size

    @property
    def span(self) -> Span:
        """Which earlier tokens a query sees: as many as the picked blocks hold."""
        return Span(top_k=self.top_blocks * self.block_size)

    @property
    def _index_columns(self) -> int:
        return (self.index_heads + 1) * self.index_size

    def _core(self, context: BlockContext) -> list[Operator]:
        return [
            Elementwise(
                name="attention.index_write",
                role="cache_write",
                bytes_per_row=2 * self._index_columns * context.activation_bytes,
                kernels=2,
                count=context.count,
            ),
            Indexer(
                name="attention.indexer",
                heads=self.index_heads,
                key_size=self.index_size,
                bytes_per_entry=self.index_size * context.cache.bytes(),
                span=Span(),
                count=context.count,
                compute="bf16",
                scores_per_entry=self.index_heads / self.block_size,
            ),
            *super()._core(context),
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``: the norms of index queries and keys besides."""
        return super().extra_parameters(hidden) + 2 * self.index_size

    def sharded(self, tp: int) -> "BlockSparseAttention":
        """See ``Block``: index heads go with their KV heads."""
        narrower = super().sharded(tp)
        return narrower.model_copy(update={"index_heads": narrower.kv_heads})

    def cache_bytes_per_token(self, cache: CacheFormat) -> float:
        """See ``AttentionBlock``: nothing is forgotten, and the index key is kept besides."""
        return (self._values_per_entry + self.index_size) * cache.bytes()

    def cache_bytes(self, context_tokens: FloatArray, cache: CacheFormat) -> FloatArray:
        """See ``AttentionBlock``."""
        return AttentionBlock.cache_bytes(self, context_tokens, cache)
