"""DeepSeek sparse attention: latent attention over the entries that an indexer picks.

DeepSeek-V3.2 (arXiv:2512.02556), GLM-5 (arXiv:2602.15763). GLM-5.2 lets one indexer choose for
four layers (arXiv:2603.12201).
"""

from typing import Literal

from simulator.graph.attention.latent import SharedLatentAttention
from simulator.graph.block import BF16, BlockContext, CacheFormat, quantise
from simulator.graph.operator import Elementwise, Indexer, Matmul, Operator
from simulator.graph.span import Span
from simulator.specs.model import Size

INDEX_KEY_BYTES = 1.0
"""Bytes of one value of an indexer key: FP8, whatever the latents are stored in."""


class SparseLatentAttention(SharedLatentAttention):
    """Latent attention whose queries see only the ``top_k`` best earlier tokens.

    The indexer scores every earlier token with ``index_heads`` small heads against one FP8 key
    of ``index_size`` that is cached beside the latent. Where ``shares_index`` is set the layer
    takes the choice of an earlier layer and has neither indexer nor keys.

    As DeepSeek stores it, the latent is FP8 and the rope key BF16.
    """

    kind: Literal["dsa"] = "dsa"
    index_heads: Size
    index_size: Size
    top_k: Size
    shares_index: bool = False

    def native_bytes(self) -> float:
        """See ``SharedLatentAttention``: one byte for the latent, two for the rope key."""
        return (self.kv_rank + 2.0 * self.rope_size) / self.entry

    def _core(self, context: BlockContext) -> list[Operator]:
        core = self._latent_core(context, Span(top_k=self.top_k), sparse=True)
        return [core] if self.shares_index else [*self._indexer(context), core]

    def _indexer(self, context: BlockContext) -> list[Operator]:
        count, size = context.count, context.activation_bytes
        query = self.index_heads * self.index_size
        rank = self.query_rank or context.hidden
        written = self.index_size * (size + INDEX_KEY_BYTES)
        return [
            Matmul(
                name="attention.index_query", n=query, k=rank, precision=context.linear, count=count
            ),
            *quantise("attention.index_key", context.hidden, context, context.linear),
            Matmul(
                name="attention.index_key",
                n=self.index_size,
                k=context.hidden,
                precision=context.linear,
                count=count,
            ),
            Matmul(
                name="attention.index_weights",
                n=self.index_heads,
                k=context.hidden,
                precision=BF16,
                count=count,
            ),
            Elementwise(
                name="attention.index_rope",
                role="rope",
                bytes_per_row=2 * query * size,
                kernels=2,
                count=count,
            ),
            Elementwise(
                name="attention.index_write", role="cache_write", bytes_per_row=written, count=count
            ),
            Indexer(
                name="attention.indexer",
                heads=self.index_heads,
                key_size=self.index_size,
                bytes_per_entry=self.index_size * INDEX_KEY_BYTES,
                span=Span(),
                count=count,
            ),
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``: the latent norms, and the indexer key's norm with its bias."""
        norm = 0 if self.shares_index else 2 * self.index_size
        return super().extra_parameters(hidden) + norm

    def cache_bytes_per_token(self, cache: CacheFormat) -> float:
        """See ``AttentionBlock``: the latent, the rope key, and the indexer's key."""
        index = 0.0 if self.shares_index else self.index_size * INDEX_KEY_BYTES
        return super().cache_bytes_per_token(cache) + index
