"""Lightning attention: linear attention with a fixed decay a head (arXiv:2401.04658)."""

from typing import Literal, Self

from simulator.specs.kinds.kind import AttentionKind, Size
from simulator.specs.kinds.recurrent import STATE_BYTES


class LightningAttention(AttentionKind):
    """The linear layers of MiniMax-Text-01 and M1 (arXiv:2501.08313).

    Every head keeps the decayed sum of its keys times its values; the output is normed and
    multiplied by a gate as wide as itself.
    """

    kind: Literal["lightning"] = "lightning"
    heads: Size
    head_size: Size

    @property
    def width(self) -> int:
        """Values of all heads together."""
        return self.heads * self.head_size

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: the output norm."""
        return self.width

    def divisible(self) -> tuple[int, ...]:
        """See ``Kind``."""
        return (self.heads,)

    def sharded(self, tp: int) -> Self:
        """See ``Kind``."""
        return self.model_copy(update={"heads": self.heads // tp})

    def state_bytes(self) -> float:
        """See ``AttentionKind``."""
        return float(STATE_BYTES * self.heads * self.head_size**2)
