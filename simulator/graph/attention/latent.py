"""Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434) with absorbed decode."""

from typing import Literal, Self

from simulator.graph.block import BF16, AttentionBlock, BlockContext, CacheFormat, quantise
from simulator.graph.operator import Elementwise, LatentCore, Matmul, Operator
from simulator.graph.span import Span
from simulator.specs.model import Size


class SharedLatentAttention(AttentionBlock):
    """Query and KV compression, the per-head up-projections, attention, output projection.

    The cache holds one latent of ``kv_rank`` and one rope key of ``rope_size`` a token, shared
    by all heads. The up-projection of keys and values costs the same whether it is absorbed
    into the query (decode: per head nope × rank and rank × value) or expands the chunk
    (prefill).

    Args:
        query_rank: width of the compressed query; absent where queries are not compressed.
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

    def native_bytes(self) -> float:
        """Bytes that a cached value takes on average as the model's own engine stores it."""
        return 2.0

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        count, linear = context.count, context.linear
        size = context.activation_bytes
        query = self.query_heads * (self.nope_size + self.rope_size)
        attended = self.query_heads * self.value_size
        gate = attended if self.gated else 0
        down = (self.query_rank or query) + self.entry
        stored = self.entry * context.cache.bytes(self.native_bytes())
        up: list[Operator] = []
        if self.query_rank:
            up = [
                *quantise("attention.query_up", self.query_rank, context, linear),
                Matmul(
                    name="attention.query_up",
                    n=query,
                    k=self.query_rank,
                    precision=linear,
                    count=count,
                ),
            ]
        heads = self.query_heads
        return [
            *quantise("attention.down", context.hidden, context, linear),
            Matmul(
                name="attention.down",
                n=down + gate,
                k=context.hidden,
                precision=linear,
                count=count,
            ),
            Elementwise(
                name="attention.latent_norm",
                role="norm",
                bytes_per_row=2 * down * size,
                kernels=2,
                count=count,
            ),
            *up,
            Matmul(
                name="attention.key_up",
                n=self.kv_rank,
                k=self.nope_size,
                precision=BF16,
                count=count,
                groups=heads,
            ),
            Elementwise(
                name="attention.rope", role="rope", bytes_per_row=2 * query * size, count=count
            ),
            Elementwise(
                name="attention.cache_write",
                role="cache_write",
                bytes_per_row=self.entry * size + stored,
                count=count,
            ),
            *self._core(context),
            Matmul(
                name="attention.value_up",
                n=self.value_size,
                k=self.kv_rank,
                precision=BF16,
                count=count,
                groups=heads,
            ),
            *(
                [
                    Elementwise(
                        name="attention.gate",
                        role="activation",
                        bytes_per_row=3 * attended * size,
                        count=count,
                    )
                ]
                if gate
                else []
            ),
            *quantise("attention.out", attended, context, linear),
            Matmul(
                name="attention.out", n=context.hidden, k=attended, precision=linear, count=count
            ),
        ]

    def _core(self, context: BlockContext) -> list[Operator]:
        return [self._latent_core(context, Span())]

    def _latent_core(self, context: BlockContext, span: Span, sparse: bool = False) -> LatentCore:
        return LatentCore(
            name="attention.core",
            query_heads=self.query_heads,
            kv_rank=self.kv_rank,
            nope_size=self.nope_size,
            rope_size=self.rope_size,
            value_size=self.value_size,
            kv_bytes_per_value=context.cache.bytes(self.native_bytes()),
            span=span,
            count=context.count,
            absorbed_prefill=sparse,
        )

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``: the two latent norms."""
        return (self.query_rank or 0) + self.kv_rank

    def divisible(self) -> tuple[int, ...]:
        """See ``Block``."""
        return (self.query_heads,)

    def sharded(self, tp: int) -> Self:
        """See ``Block``: heads are divided; the latent and its cache are on every rank."""
        return self.model_copy(update={"query_heads": self.query_heads // tp})

    def cache_bytes_per_token(self, cache: CacheFormat) -> float:
        """See ``AttentionBlock``: one latent and one rope key, shared by all heads."""
        return self.entry * cache.bytes(self.native_bytes())


class LatentAttention(SharedLatentAttention):
    """Attention over the latents of every earlier token."""

    kind: Literal["mla"] = "mla"
