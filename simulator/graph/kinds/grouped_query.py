"""Softmax attention with shared KV heads: projections, rope, cache write, core, projection back."""

from simulator.graph.block import BlockContext, lower, product, quantise
from simulator.graph.operator import AttentionCore, Elementwise, Operator
from simulator.graph.span import Span
from simulator.specs.kinds.grouped_query import GroupedQueryAttention, SharedKeyAttention


@lower.register
def _grouped_query(part: GroupedQueryAttention, context: BlockContext) -> list[Operator]:
    span = Span(window=part.window, chunk=part.chunk, causal=part.causal)
    return shared_key(part, context, [core(part, span, context)])


def core(part: SharedKeyAttention, span: Span, context: BlockContext) -> Operator:
    """The attention itself, over the entries that ``span`` shows."""
    return AttentionCore(
        name="attention.core",
        query_heads=part.query_heads,
        kv_heads=part.kv_heads,
        key_size=part.head_size,
        value_size=part.value_size,
        kv_bytes_per_value=context.cache.bytes(),
        span=span,
        count=context.count,
    )


def shared_key(
    part: SharedKeyAttention,
    context: BlockContext,
    attending: list[Operator],
    further_columns: int = 0,
) -> list[Operator]:
    """What stands around ``attending``; the fused projection has ``further_columns`` besides."""
    count, size, attended = context.count, context.activation_bytes, part.attended
    query, key, _ = part.projected
    gates = (attended if part.gated else 0) + (part.query_heads if part.head_gate else 0)
    projected = sum(part.projected) + gates + further_columns
    return [
        *quantise("attention.qkv", context.hidden, context),
        product("attention.qkv", projected, context.hidden, context),
        Elementwise(
            name="attention.rope",
            role="rope",
            bytes_per_row=2 * (query + key) * size,
            kernels=3 if part.query_key_norm else 1,
            count=count,
        ),
        *_cache_write(part, context),
        *attending,
        *_behind_core(part, context),
        *quantise("attention.out", attended, context),
        product("attention.out", context.hidden, attended, context),
    ]


def _cache_write(part: SharedKeyAttention, context: BlockContext) -> list[Operator]:
    if part.shares_kv or not part.causal:
        return []
    moved = part.values_per_entry * (context.activation_bytes + context.cache.bytes())
    return [
        Elementwise(
            name="attention.cache_write",
            role="cache_write",
            bytes_per_row=moved,
            count=context.count,
        )
    ]


def _behind_core(part: SharedKeyAttention, context: BlockContext) -> list[Operator]:
    """The gate on the output and the norm before its projection, where there are any."""
    row = part.attended * context.activation_bytes
    found: list[Operator] = []
    if part.gated or part.head_gate:
        found.append(
            Elementwise(
                name="attention.gate",
                role="activation",
                bytes_per_row=3 * row,
                count=context.count,
            )
        )
    if part.sub_norm:
        found.append(
            Elementwise(
                name="attention.sub_norm", role="norm", bytes_per_row=2 * row, count=context.count
            )
        )
    return found
