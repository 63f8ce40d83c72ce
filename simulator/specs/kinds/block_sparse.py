"""Block-sparse grouped-query attention (MiniMax-M3): a scorer picks whole blocks of tokens."""

from typing import Literal, Self

from simulator.specs.kinds.grouped_query import SharedKeyAttention
from simulator.specs.kinds.kind import AttentionKind, FloatArray, Size
from simulator.specs.precision import CacheFormat


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
    def index_columns(self) -> int:
        """Columns of the projection to index queries and keys."""
        return (self.index_heads + 1) * self.index_size

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: the norms of index queries and keys besides."""
        return super().extra_parameters(hidden) + 2 * self.index_size

    def sharded(self, tp: int) -> Self:
        """See ``Kind``: index heads go with their KV heads."""
        narrower = super().sharded(tp)
        return narrower.model_copy(update={"index_heads": narrower.kv_heads})

    def cache_bytes_per_token(self, cache: CacheFormat) -> float:
        """See ``AttentionKind``: nothing is forgotten, and the index key is kept besides."""
        return (self.values_per_entry + self.index_size) * cache.bytes()

    def cache_bytes(self, context_tokens: FloatArray, cache: CacheFormat) -> FloatArray:
        """See ``AttentionKind``."""
        return AttentionKind.cache_bytes(self, context_tokens, cache)
