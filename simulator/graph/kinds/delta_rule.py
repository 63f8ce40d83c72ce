"""Linear attention with the delta rule: gated delta net and Kimi delta attention.

A head keeps a state S of key × value numbers and, for every token, decays it, reads S·k, adds
the correction along k, and reads S·q: three products of 2·key·value FLOPs. Prefill does the same
in chunks of 64 tokens as matrix products (arXiv:2406.06484), which adds the products inside a
chunk.
"""

from simulator.graph.block import BlockContext, lower, product, quantise
from simulator.graph.operator import Decay, Elementwise, Matmul, Operator, Recurrence
from simulator.specs.kinds.recurrent import STATE_BYTES, GatedDeltaNet, KimiDeltaAttention
from simulator.specs.precision import BF16

CHUNK = 64
"""Tokens of one chunk of the chunkwise form (flash-linear-attention's kernels)."""


@lower.register
def _gated_delta_net(part: GatedDeltaNet, context: BlockContext) -> list[Operator]:
    key, value = part.widths
    count, size = context.count, context.activation_bytes
    return [
        *quantise("attention.in", context.hidden, context),
        product("attention.in", 2 * key + 2 * value, context.hidden, context),
        Matmul(
            name="attention.decay",
            n=2 * part.value_heads,
            k=context.hidden,
            precision=BF16,
            count=count,
        ),
        Elementwise(
            name="attention.convolution",
            role="mixing",
            bytes_per_row=2 * part.convolved * size,
            count=count,
        ),
        delta_rule(
            part.value_heads,
            part.key_size,
            part.value_size,
            2 * key + 2 * value,
            "scalar",
            context,
        ),
        Elementwise(
            name="attention.gated_norm",
            role="norm",
            bytes_per_row=3 * value * size,
            count=count,
        ),
        *quantise("attention.out", value, context),
        product("attention.out", context.hidden, value, context),
    ]


@lower.register
def _kimi_delta(part: KimiDeltaAttention, context: BlockContext) -> list[Operator]:
    width, rank, hidden = part.width, part.decay_rank, context.hidden
    count, size = context.count, context.activation_bytes
    ranks = rank if part.full_gate else 2 * rank
    gate = width if part.full_gate else 0
    return [
        *quantise("attention.in", hidden, context),
        product("attention.in", 3 * width + gate, hidden, context),
        Matmul(
            name="attention.low_rank_down",
            n=ranks + part.heads,
            k=hidden,
            precision=BF16,
            count=count,
        ),
        Matmul(
            name="attention.low_rank_up",
            n=width,
            k=rank,
            precision=BF16,
            count=count,
            groups=ranks // rank,
        ),
        Elementwise(
            name="attention.convolution",
            role="mixing",
            bytes_per_row=2 * part.convolved * size,
            kernels=3,
            count=count,
        ),
        delta_rule(part.heads, part.head_size, part.head_size, 5 * width, "per_channel", context),
        Elementwise(
            name="attention.gated_norm",
            role="norm",
            bytes_per_row=3 * width * size,
            count=count,
        ),
        *quantise("attention.out", width, context),
        product("attention.out", hidden, width, context),
    ]


def delta_rule(
    heads: int,
    key_size: int,
    value_size: int,
    row_values: int,
    decay: Decay,
    context: BlockContext,
) -> Recurrence:
    """The recurrence of ``heads`` states of ``key_size`` × ``value_size``."""
    state = heads * key_size * value_size
    # Inside a chunk: K·Kᵀ and Q·Kᵀ (keys), its inverse times K and V, and the scores times V.
    inside = 2 * CHUNK * heads * (3 * key_size + 2 * value_size)
    return Recurrence(
        name="attention.recurrence",
        decay=decay,
        state_bytes=float(STATE_BYTES * state),
        bytes_per_row=float(row_values * context.activation_bytes),
        decode_flops_per_row=6.0 * state,
        prefill_flops_per_row=6.0 * state + inside,
        count=context.count,
    )
