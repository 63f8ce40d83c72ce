"""Lightning attention: linear attention with a fixed decay a head (arXiv:2401.04658)."""

from typing import Literal

from simulator.specs.kinds.recurrent import SquareStateKind


class LightningAttention(SquareStateKind):
    """The linear layers of MiniMax-Text-01 and M1 (arXiv:2501.08313).

    Every head keeps the decayed sum of its keys times its values; the output is normed and
    multiplied by a gate as wide as itself.
    """

    kind: Literal["lightning"] = "lightning"

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: the output norm."""
        return self.width
