"""Message passing: messages computed once a node, gathered along its edges, projected back."""

from simulator.graph.block import BlockContext, lower
from simulator.graph.operator import Elementwise, Matmul, Operator
from simulator.specs.kinds.message_passing import MessagePassing


@lower.register
def _message_passing(part: MessagePassing, context: BlockContext) -> list[Operator]:
    size, count = context.activation_bytes, context.count
    gathered = (part.neighbours + 1) * part.width * size
    return [
        Matmul(
            name="attention.message",
            n=part.width,
            k=context.hidden,
            precision=context.product("attention.message"),
            count=count,
        ),
        Elementwise(name="attention.gather", role="mixing", bytes_per_row=gathered, count=count),
        Matmul(
            name="attention.out",
            n=context.hidden,
            k=part.width,
            precision=context.product("attention.out"),
            count=count,
        ),
    ]
