"""Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434), and its sparse form.

DeepSeek-V3.2 (arXiv:2512.02556), GLM-5 (arXiv:2602.15763): latent attention over the entries
that an indexer picks. GLM-5.2 lets one indexer choose for four layers (arXiv:2603.12201).
"""

from typing import Literal, Self

from simulator.specs.kinds.kind import AttentionKind, Size
from simulator.specs.precision import CacheFormat


class SharedLatentAttention(AttentionKind):
    """Compressed keys and values: one latent and one rope key a token, shared by all heads.

    Args:
        query_rank: width of the compressed query; absent where queries are not compressed.
        kv_rank: width of the latent.
        nope_size, rope_size: values of a head's key without and with position.
        gated: the output is multiplied by a gate as wide as itself (Kimi K3).
    """

    query_heads: Size
    query_rank: Size | None = None
    kv_rank: Size
    nope_size: Size
    rope_size: Size
    value_size: Size
    gated: bool = False

    @property
    def entry(self) -> int:
        """Cached values of one token."""
        return self.kv_rank + self.rope_size

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: the two latent norms."""
        return (self.query_rank or 0) + self.kv_rank

    def divisible(self) -> tuple[int, ...]:
        """See ``Kind``."""
        return (self.query_heads,)

    def sharded(self, tp: int) -> Self:
        """See ``Kind``: heads are divided; the latent and its cache are on every rank."""
        return self.model_copy(update={"query_heads": self.query_heads // tp})

    def cache_bytes_per_token(self, cache: CacheFormat) -> float:
        """See ``AttentionKind``: one latent and one rope key, shared by all heads."""
        return self.entry * cache.bytes(self.native_bytes())


class LatentAttention(SharedLatentAttention):
    """Attention over the latents of every earlier token."""

    kind: Literal["mla"] = "mla"


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

    @property
    def index_key_bytes(self) -> float:
        """Bytes of one indexer key: FP8, whatever the latents are stored in."""
        return 1.0 * self.index_size

    def native_bytes(self) -> float:
        """See ``AttentionKind``: one byte for the latent, two for the rope key."""
        return (self.kv_rank + 2.0 * self.rope_size) / self.entry

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: the latent norms, and the indexer key's norm with its bias."""
        norm = 0 if self.shares_index else 2 * self.index_size
        return super().extra_parameters(hidden) + norm

    def cache_bytes_per_token(self, cache: CacheFormat) -> float:
        """See ``AttentionKind``: the latent, the rope key, and the indexer's key."""
        index = 0.0 if self.shares_index else self.index_key_bytes
        return super().cache_bytes_per_token(cache) + index
