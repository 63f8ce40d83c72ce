"""Mixers side by side, and a layer that has none."""

from simulator.graph.block import BlockContext, lower
from simulator.graph.operator import Elementwise, Operator
from simulator.specs.kinds.nothing import NoAttention
from simulator.specs.kinds.parallel import ParallelMixers


@lower.register
def _nothing(_part: NoAttention, _context: BlockContext) -> list[Operator]:
    return []


@lower.register
def _parallel(part: ParallelMixers, context: BlockContext) -> list[Operator]:
    row = context.hidden * context.activation_bytes
    added = len(part.branches) - 1
    return [
        *(op for branch in part.branches for op in lower(branch, context)),
        Elementwise(
            name="attention.add",
            role="residual",
            bytes_per_row=3.0 * row * added,
            kernels=added,
            count=context.count,
        ),
    ]
