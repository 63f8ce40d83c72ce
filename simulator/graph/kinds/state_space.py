"""Mamba-2: input projection, short convolution, recurrence, gated norm, output projection."""

from simulator.graph.block import BlockContext, lower, quantise
from simulator.graph.operator import Elementwise, Matmul, Operator, Recurrence
from simulator.specs.kinds.recurrent import Mamba2

CHUNK = 256
"""Tokens of one chunk of the state-space-duality form (the reference kernels' default)."""


@lower.register
def _mamba_2(part: Mamba2, context: BlockContext) -> list[Operator]:
    inner, size, count = part.inner, context.activation_bytes, context.count
    columns = part.convolved + inner + part.heads
    state = inner * part.state_size
    # Inside a chunk: C·Bᵀ once a group, and the masked scores times X for every head.
    inside = 2 * CHUNK * (part.groups * part.state_size + inner)
    return [
        *quantise("attention.in", context.hidden, context),
        Matmul(
            name="attention.in",
            n=columns,
            k=context.hidden,
            precision=context.product("attention.in"),
            count=count,
        ),
        Elementwise(
            name="attention.convolution",
            role="mixing",
            bytes_per_row=2 * part.convolved * size,
            count=count,
        ),
        Recurrence(
            name="attention.recurrence",
            decay="scalar",
            state_bytes=part.state_bytes(),
            bytes_per_row=float((part.convolved + inner) * size),
            decode_flops_per_row=4.0 * state,
            prefill_flops_per_row=4.0 * state + inside,
            count=count,
        ),
        Elementwise(
            name="attention.gated_norm",
            role="norm",
            bytes_per_row=3 * inner * size,
            count=count,
        ),
        *quantise("attention.out", inner, context),
        Matmul(
            name="attention.out",
            n=context.hidden,
            k=inner,
            precision=context.product("attention.out"),
            count=count,
        ),
    ]
