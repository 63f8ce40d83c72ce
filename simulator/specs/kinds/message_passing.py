"""Message passing on a graph: the mixer of a graph neural network, for provers and the like."""

from typing import Annotated, Literal, Self

from pydantic import Field

from simulator.specs.kinds.kind import AttentionKind, Size, divide
from simulator.specs.quantity import Number


class MessagePassing(AttentionKind):
    """Every node sums its neighbours' messages (GraphSAGE-like, arXiv:1706.02216).

    A row is a node. Messages of ``width`` are computed once a node and gathered along its
    ``neighbours`` edges; nothing is remembered from one step to the next.
    """

    kind: Literal["message-passing"] = "message-passing"
    width: Size
    neighbours: Annotated[Number, Field(ge=0, le=1e9)]

    def sharded(self, tp: int) -> Self:
        """See ``Kind``."""
        return self.model_copy(update={"width": divide(self.width, tp)})
