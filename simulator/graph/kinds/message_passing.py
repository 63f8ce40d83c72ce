"""Message passing: messages computed once a node, gathered along its edges, projected back."""

from simulator.graph.block import BlockContext, lower, product
from simulator.graph.operator import Elementwise, Operator
from simulator.specs.kinds.message_passing import MessagePassing


@lower.register
def _message_passing(part: MessagePassing, context: BlockContext) -> list[Operator]:
    size, count = context.activation_bytes, context.count
    gathered = (part.neighbours + 1) * part.width * size
    return [
        product("attention.message", part.width, context.hidden, context),
        Elementwise(name="attention.gather", role="mixing", bytes_per_row=gathered, count=count),
        product("attention.out", context.hidden, part.width, context),
    ]
