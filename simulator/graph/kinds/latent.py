"""Multi-head latent attention with absorbed decode."""

from simulator.graph.block import BlockContext, lower, product, quantise
from simulator.graph.operator import Elementwise, LatentCore, Matmul, Operator
from simulator.graph.span import EVERYTHING, Span
from simulator.specs.kinds.latent import LatentAttention, SharedLatentAttention


@lower.register
def _latent(part: LatentAttention, context: BlockContext) -> list[Operator]:
    return shared_latent(part, context, [latent_core(part, EVERYTHING, context)])


def latent_core(
    part: SharedLatentAttention,
    span: Span,
    context: BlockContext,
    *,
    absorbed_prefill: bool = False,
) -> Operator:
    """The attention itself, over the latents that ``span`` shows."""
    return LatentCore(
        name="attention.core",
        query_heads=part.query_heads,
        kv_rank=part.kv_rank,
        nope_size=part.nope_size,
        rope_size=part.rope_size,
        value_size=part.value_size,
        kv_bytes_per_value=context.cache.bytes(part.native_bytes()),
        span=span,
        count=context.count,
        absorbed_prefill=absorbed_prefill,
    )


def shared_latent(
    part: SharedLatentAttention, context: BlockContext, attending: list[Operator]
) -> list[Operator]:
    """Query and KV compression, the per-head up-projections around ``attending``, projection back.

    The up-projection of keys and values costs the same whether it is absorbed into the query
    (decode: per head nope × rank and rank × value) or expands the chunk (prefill).
    """
    count, size = context.count, context.activation_bytes
    query = part.query_heads * (part.nope_size + part.rope_size)
    attended = part.query_heads * part.value_size
    down = (part.query_rank or query) + part.entry
    stored = part.entry * context.cache.bytes(part.native_bytes())
    up: list[Operator] = []
    if part.query_rank:
        up = [
            *quantise("attention.query_up", part.query_rank, context),
            product("attention.query_up", query, part.query_rank, context),
        ]
    gate: list[Operator] = []
    if part.gated:
        gate = [
            Elementwise(
                name="attention.gate",
                role="activation",
                bytes_per_row=3 * attended * size,
                count=count,
            )
        ]
    heads = part.query_heads
    return [
        *quantise("attention.down", context.hidden, context),
        product("attention.down", down + (attended if part.gated else 0), context.hidden, context),
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
            n=part.kv_rank,
            k=part.nope_size,
            precision=context.wide_product("attention.key_up"),
            count=count,
            groups=heads,
        ),
        Elementwise(
            name="attention.rope", role="rope", bytes_per_row=2 * query * size, count=count
        ),
        Elementwise(
            name="attention.cache_write",
            role="cache_write",
            bytes_per_row=part.entry * size + stored,
            count=count,
        ),
        *attending,
        Matmul(
            name="attention.value_up",
            n=part.value_size,
            k=part.kv_rank,
            precision=context.wide_product("attention.value_up"),
            count=count,
            groups=heads,
        ),
        *gate,
        *quantise("attention.out", attended, context),
        product("attention.out", context.hidden, attended, context),
    ]
