"""A kind of attention of one's own, made of existing operators."""

from typing import Literal

from simulator.graph.block import AttentionBlock, BlockContext
from simulator.graph.operator import Elementwise, Matmul, Operator
from simulator.specs.kinds.kind import Size


class RunningMean(AttentionBlock):
    """Mix each token with a running mean of all earlier ones, then project."""

    kind: Literal["running-mean"] = "running-mean"
    width: Size

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        return [
            Elementwise(
                name="attention.mean",
                role="mixing",
                bytes_per_row=3 * self.width * context.activation_bytes,
                count=context.count,
            ),
            Matmul(
                name="attention.out",
                n=context.hidden,
                k=self.width,
                precision=context.linear,
                count=context.count,
            ),
        ]

    def state_bytes(self) -> float:
        """See ``AttentionKind``: the running mean, in 32 bits."""
        return 4.0 * self.width
