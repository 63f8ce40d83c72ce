"""What a decode step is made of: which passes of the model, and how many tokens come out.

Plain decoding runs the model once over the last token of every sequence, and each gains one. A
mode that guesses ahead has other passes and another gain; whatever prices steps, shares out the
token budget, hands out cache or counts tokens asks the mode and assumes nothing.
"""

from dataclasses import dataclass
from typing import Protocol

from numpy.typing import ArrayLike

from simulator.graph.step_shape import StepShape


class Pass(Protocol):
    """The model run once over some tokens of every decoding sequence, all of them sampled."""

    @property
    def width(self) -> int:
        """Tokens of each sequence."""

    def grid(self, batches: ArrayLike, contexts: ArrayLike) -> StepShape:
        """The pass for all ``batches`` (down) at all mean ``contexts`` (across)."""


class DecodeMode(Protocol):
    """How sequences decode; all of a replica do so in the same mode."""

    @property
    def tokens(self) -> float:
        """Tokens by which a sequence grows in a step, on average and at least 1.

        A whole number is best given as an ``int``, which keeps all counts exact.
        """

    @property
    def width(self) -> int:
        """Tokens of a sequence that a step computes: what it takes of the token budget.

        All but the first also need room in the cache, whether they are kept or not.
        """

    @property
    def passes(self) -> tuple[Pass, ...]:
        """The passes of a step in their order; prompts join the last one."""


@dataclass(frozen=True, slots=True)
class LastToken:
    """One pass over the last token of each sequence."""

    width: int = 1

    def grid(self, batches: ArrayLike, contexts: ArrayLike) -> StepShape:
        """See ``Pass``."""
        return StepShape.decode_grid(batches, contexts)


@dataclass(frozen=True, slots=True)
class Plain:
    """One pass, one token."""

    tokens: int = 1
    width: int = 1
    passes: tuple[Pass, ...] = (LastToken(),)


PLAIN: DecodeMode = Plain()


def steps_for(tokens: int, gain: float) -> int:
    """The fewest steps of ``gain`` tokens on average that give ``tokens`` whole ones."""
    if isinstance(gain, int):
        return -(-tokens // gain)
    steps = int(-(-tokens // gain))
    # The quotient of two floats may be rounded to either side of a whole number.
    while int(steps * gain) < tokens:
        steps += 1
    while steps and int((steps - 1) * gain) >= tokens:
        steps -= 1
    return steps
