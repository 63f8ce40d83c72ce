"""Mamba: input projection, short convolution, recurrence, gate or norm, output projection."""

from simulator.graph.block import BlockContext, lower, product, quantise
from simulator.graph.operator import Elementwise, Matmul, Operator, Recurrence
from simulator.specs.kinds.recurrent import Mamba1, Mamba2
from simulator.specs.precision import BF16

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
        product("attention.in", columns, context.hidden, context),
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
        product("attention.out", context.hidden, inner, context),
    ]


@lower.register
def _mamba_1(part: Mamba1, context: BlockContext) -> list[Operator]:
    width, size, count = part.channels, context.activation_bytes, context.count
    state = width * part.state_size
    return [
        *quantise("attention.in", context.hidden, context),
        product("attention.in", 2 * width, context.hidden, context),
        Elementwise(
            name="attention.convolution",
            role="mixing",
            bytes_per_row=2 * width * size,
            count=count,
        ),
        Matmul(name="attention.select", n=part.selected, k=width, precision=BF16, count=count),
        Matmul(name="attention.step", n=width, k=part.step_rank, precision=BF16, count=count),
        # The scan has no form as matrix products: a multiplication, an addition and the sum over
        # the state for every number of it, prompt or not.
        Recurrence(
            name="attention.recurrence",
            decay="per_channel",
            state_bytes=part.state_bytes(),
            bytes_per_row=float(4 * width * size),
            decode_flops_per_row=4.0 * state,
            prefill_flops_per_row=4.0 * state,
            count=count,
        ),
        *quantise("attention.out", width, context),
        product("attention.out", context.hidden, width, context),
    ]
