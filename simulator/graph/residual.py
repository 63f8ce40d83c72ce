"""The residual stream: plain, hyper-connections over several streams, or attention over depth.

All three only move bytes, so what counts is how often a stream of the model's width is read and
written around each of a layer's two parts.
"""

from typing import Literal

from simulator.graph.block import BlockContext, ResidualBlock
from simulator.graph.operator import Elementwise, Matmul, Operator
from simulator.specs.model import Part, Size
from simulator.specs.precision import Precision

PARTS = 2
"""Residual additions of a layer: after attention and after the feed-forward."""

TF32_MIXING = Precision("tf32_mixing", 32, "tf32", 16)
"""Mixing weights are kept in fp32 and multiplied as TF32, with streams in 16 bits."""


def residual_block(part: Part) -> ResidualBlock:
    """The block that carries the residual stream described by ``part``.

    Raises:
        InputError: nobody defined its kind, or a field does not fit.
    """
    return ResidualBlock.of(part)


class PlainResidual(ResidualBlock):
    """x + f(x): the stream is read and written once around each part.

    Engines add in the same pass as the next norm, whose own two rows are counted there.
    """

    kind: Literal["plain"] = "plain"

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        row = context.hidden * context.activation_bytes
        return [
            Elementwise(
                name="residual",
                role="residual",
                bytes_per_row=2.0 * row * PARTS,
                kernels=PARTS,
                count=context.count,
            )
        ]


class HyperConnections(ResidualBlock):
    """Manifold-constrained hyper-connections (mHC, arXiv:2512.24880) over ``streams`` streams.

    Before each part, weights are computed from all n streams of width C (a product of nC with
    n² + 2n), one input of width C is read out, and after it the streams are mixed and the
    output is added to each. Elements for a token and part, from Table 2 of the paper:

        as written   reads (5n + 1)C + n² + 2n    writes (3n + 1)C + n² + 2n
        fused        reads (3n + 1)C + n² + 2n    writes  (n + 1)C + n² + 2n

    ``fused`` merges mixing, adding and writing back into one pass (section 4.3 of the paper):
    its pass reads (n + 1)C for (3n + 1)C and writes nC for 3nC. Three kernels then move a
    token's rows: the product reads nC, reading out nC and writes C, mixing back 2nC + C. A
    thread block walks through all streams of its token.
    """

    kind: Literal["hyper-connections"] = "hyper-connections"
    streams: Size = 4
    fused: bool = True

    @property
    def weights(self) -> int:
        """Mixing weights of one part: n² between streams, n in, n out."""
        return self.streams**2 + 2 * self.streams

    def elements(self, width: int) -> tuple[int, int]:
        """Elements read and written for one token around one part of ``width``."""
        n = self.streams
        reads = (3 * n + 1) if self.fused else (5 * n + 1)
        writes = (n + 1) if self.fused else (3 * n + 1)
        return reads * width + self.weights, writes * width + self.weights

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        streams, count = self.streams * context.hidden, context.count * PARTS
        read_out = streams + context.hidden + self.weights
        mixed = sum(self.elements(context.hidden)) - streams - read_out
        size = context.activation_bytes
        return [
            Matmul(
                name="residual.weights",
                n=self.weights,
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
                kernels=1 if self.fused else 4,
                count=count,
                row_elements=streams,
            ),
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``: a bias for each weight and three scales, for each part."""
        return PARTS * (self.weights + 3)


class AttentionResidual(ResidualBlock):
    """Softmax attention over the depth (AttnRes, arXiv:2603.15031), in blocks of layers.

    A learned query for each part weighs the finished blocks' outputs and the running sum. With
    N blocks of S parts the paper's two-phase kernels move (N/S + 5)·C elements a part (Table
    1): the blocks once for all parts of a block, and a few rows for the running sum.
    """

    kind: Literal["attention-residual"] = "attention-residual"
    layers_per_block: Size
    blocks: Size

    @property
    def rows_moved(self) -> float:
        """Rows of the stream's width that one part reads and writes."""
        return self.blocks / (PARTS * self.layers_per_block) + 5

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        row = context.hidden * context.activation_bytes
        moved = PARTS * self.rows_moved * row
        return [
            Elementwise(
                name="residual.depth",
                role="residual",
                bytes_per_row=moved,
                kernels=2 * PARTS,
                count=context.count,
            )
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``: a query and a norm for each part."""
        return 2 * PARTS * hidden
