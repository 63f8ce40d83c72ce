"""The residual stream: plain, several streams (hyper-connections, AltUp), attention over depth.

They mostly move bytes, so what counts is how often a stream of the model's width is read and
written around each of a layer's two parts.
"""

from simulator.graph.block import BlockContext, lower, product
from simulator.graph.operator import Elementwise, Matmul, Operator
from simulator.specs.kinds.residual import (
    PARTS,
    AltUp,
    AttentionResidual,
    HyperConnections,
    PlainResidual,
)
from simulator.specs.precision import BF16, Precision

TF32_MIXING = Precision("tf32_mixing", 32, "tf32", 16)
"""Mixing weights are kept in fp32 and multiplied as TF32, with streams in 16 bits."""


@lower.register
def _plain(_part: PlainResidual, context: BlockContext) -> list[Operator]:
    if not context.additions:
        return []
    # Engines add in the same pass as the next norm, whose own two rows are counted there.
    row = context.hidden * context.activation_bytes
    return [
        Elementwise(
            name="residual",
            role="residual",
            bytes_per_row=2.0 * row * context.additions,
            kernels=context.additions,
            count=context.count,
        )
    ]


@lower.register
def _hyper_connections(part: HyperConnections, context: BlockContext) -> list[Operator]:
    # The product reads nC, reading out nC and writes C, mixing back 2nC + C; a thread block walks
    # through all streams of its token.
    streams, count = part.streams * context.hidden, context.count * PARTS
    read_out = streams + context.hidden + part.weights
    mixed = sum(mixing_elements(part, context.hidden)) - streams - read_out
    size = context.activation_bytes
    return [
        Matmul(
            name="residual.weights",
            n=part.weights,
            k=streams,
            precision=TF32_MIXING,
            count=count,
        ),
        Elementwise(
            name="residual.read_out",
            role="residual",
            bytes_per_row=size * read_out,
            kernels=1,
            count=count,
            row_elements=streams,
        ),
        Elementwise(
            name="residual.mix_back",
            role="residual",
            bytes_per_row=size * mixed,
            kernels=1 if part.fused else 4,
            count=count,
            row_elements=streams,
        ),
    ]


def mixing_elements(part: HyperConnections, width: int) -> tuple[int, int]:
    """Elements read and written for one token around one part of ``width``.

    Before each part, weights are computed from all n streams of width C (a product of nC with
    n² + 2n), one input of width C is read out, and after it the streams are mixed and the
    output is added to each (arXiv:2512.24880, Table 2):

        as written   reads (5n + 1)C + n² + 2n    writes (3n + 1)C + n² + 2n
        fused        reads (3n + 1)C + n² + 2n    writes  (n + 1)C + n² + 2n

    Fused, one pass reads (n + 1)C for (3n + 1)C and writes nC for 3nC.
    """
    n = part.streams
    reads = (3 * n + 1) if part.fused else (5 * n + 1)
    writes = (n + 1) if part.fused else (3 * n + 1)
    return reads * width + part.weights, writes * width + part.weights


@lower.register
def _attention_over_depth(part: AttentionResidual, context: BlockContext) -> list[Operator]:
    row = context.hidden * context.activation_bytes
    moved = PARTS * depth_rows(part) * row
    return [
        Elementwise(
            name="residual.depth",
            role="residual",
            bytes_per_row=moved,
            kernels=2 * PARTS,
            count=context.count,
        )
    ]


def depth_rows(part: AttentionResidual) -> float:
    """Rows of the stream's width that one part reads and writes.

    With N blocks of S parts the paper's two-phase kernels move (N/S + 5)·C elements a part
    (arXiv:2603.15031, Table 1): the blocks once for all parts of a block, and a few rows for the
    running sum.
    """
    return part.blocks / (PARTS * part.layers_per_block) + 5


@lower.register
def _altup(part: AltUp, context: BlockContext) -> list[Operator]:
    hidden, count = context.hidden, context.count
    row = hidden * context.activation_bytes
    # Prediction reads and writes all streams, correction too, and reads what the layer computed;
    # the plain additions and the laurel's stay on one stream.
    moved = (4 * part.streams + 1) * row + 2.0 * row * (PARTS + 1)
    others = (part.streams - 1) * hidden
    ends = [("residual.widen", others, hidden)] * part.widens
    ends += [("residual.narrow", hidden, others)] * part.narrows
    return [
        Matmul(name="residual.router", n=part.streams, k=hidden, precision=BF16, count=count),
        *(
            product(name, n, k, context)
            for name, n, k in (
                ("residual.laurel_down", part.laurel_rank, hidden),
                ("residual.laurel_up", hidden, part.laurel_rank),
                *ends,
            )
        ),
        Elementwise(
            name="residual.streams",
            role="residual",
            bytes_per_row=moved,
            kernels=2 + PARTS + 1,
            count=count,
        ),
    ]
