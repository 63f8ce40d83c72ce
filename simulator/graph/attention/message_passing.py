"""Message passing on a graph: the mixer of a graph neural network, for provers and the like."""

from typing import Literal, Self

from simulator.graph.block import AttentionBlock, BlockContext, divide
from simulator.graph.operator import Elementwise, Matmul, Operator
from simulator.specs.model import Size


class MessagePassing(AttentionBlock):
    """Every node sums its neighbours' messages (GraphSAGE-like, arXiv:1706.02216).

    A row is a node. Messages of ``width`` are computed once a node and gathered along its
    ``neighbours`` edges; nothing is remembered from one step to the next.
    """

    kind: Literal["message-passing"] = "message-passing"
    width: Size
    neighbours: float

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        size, count = context.activation_bytes, context.count
        gathered = (self.neighbours + 1) * self.width * size
        return [
            Matmul(
                name="attention.message",
                n=self.width,
                k=context.hidden,
                precision=context.linear,
                count=count,
            ),
            Elementwise(
                name="attention.gather", role="mixing", bytes_per_row=gathered, count=count
            ),
            Matmul(
                name="attention.out",
                n=context.hidden,
                k=self.width,
                precision=context.linear,
                count=count,
            ),
        ]

    def sharded(self, tp: int) -> Self:
        """See ``Block``."""
        return self.model_copy(update={"width": divide(self.width, tp)})
