"""Lightning attention: queries, keys, values and gate, recurrence, gated norm, projection back."""

from simulator.graph.block import BlockContext, lower, product, quantise
from simulator.graph.operator import Elementwise, Operator, Recurrence
from simulator.specs.kinds.lightning import LightningAttention

CHUNK = 256
"""Tokens of one chunk of its kernels (arXiv:2401.04658, and ``block_size`` of MiniMax)."""


@lower.register
def _lightning(part: LightningAttention, context: BlockContext) -> list[Operator]:
    width, size, count = part.width, context.activation_bytes, context.count
    state = width * part.head_size
    # Inside a chunk: the scores, and the masked scores times the values.
    inside = 4 * CHUNK * width
    return [
        *quantise("attention.in", context.hidden, context),
        product("attention.in", 4 * width, context.hidden, context),
        Recurrence(
            name="attention.recurrence",
            decay="scalar",
            state_bytes=part.state_bytes(),
            bytes_per_row=float(4 * width * size),
            decode_flops_per_row=4.0 * state,
            prefill_flops_per_row=4.0 * state + inside,
            count=count,
        ),
        Elementwise(
            name="attention.gated_norm",
            role="norm",
            bytes_per_row=3 * width * size,
            count=count,
        ),
        *quantise("attention.out", width, context),
        product("attention.out", context.hidden, width, context),
    ]
