"""What a decode step is made of: which passes of which model, and how many tokens come out.

Plain decoding runs the model once over the last token of every sequence, and each gains one. A
mode that guesses ahead has other passes and another gain; whatever prices steps, shares out the
token budget, hands out cache or counts tokens asks the mode and assumes nothing.
"""

from dataclasses import dataclass, replace
from typing import Protocol

from numpy.typing import ArrayLike

from simulator.graph.step_shape import StepShape

UNBOUNDED = 1 << 60


@dataclass(frozen=True, slots=True)
class Pass:
    """A model run ``times`` times in a step over some tokens of every decoding sequence.

    Args:
        width: tokens of each sequence.
        sampled: of these, the ones behind which the next token is sought.
        times: runs one after another, all alike.
        reads_prompts: whether it goes over the tokens of prompts too, in steps that have any.
    """

    width: int = 1
    sampled: int = 1
    times: int = 1
    reads_prompts: bool = True

    def of(self, shape: StepShape) -> StepShape:
        """Decode steps of ``shape``, with the tokens of this pass."""
        like = StepShape.of(decode_width=self.width, decode_sampled=self.sampled)
        return replace(shape, decode_width=like.decode_width, decode_sampled=like.decode_sampled)

    def grid(self, batches: ArrayLike, contexts: ArrayLike) -> StepShape:
        """The pass for all ``batches`` (down) at all mean ``contexts`` (across)."""
        return self.of(StepShape.decode_grid(batches, contexts))


LAST_TOKEN = Pass()
"""Over the last token of each sequence."""


class DecodeMode(Protocol):
    """How sequences decode; all of a replica do so in the same mode.

    Args:
        tokens: tokens by which a sequence grows in a step, on average and at least 1. A whole
            number is best given as an ``int``, which keeps all counts exact.
        width: tokens of a sequence that a step computes: what it takes of the token budget. All
            but the first also need room in the cache, whether they are kept or not.
        up_to: sequences of a replica that decode so together; more of them decode plainly.
        reads_hidden: whether it drafts from what the model computed on the tokens before, so that
            the last block that a prompt finds in the cache is computed again.
    """

    @property
    def tokens(self) -> float:
        """See the class."""

    @property
    def width(self) -> int:
        """See the class."""

    @property
    def up_to(self) -> int:
        """See the class."""

    @property
    def reads_hidden(self) -> bool:
        """See the class."""

    def steps_of(self, tokens: int, *answer: int) -> int | None:
        """Steps that the last ``tokens`` of an ``answer`` take, where that is drawn; else None."""

    def overshoot(self, tokens: int) -> int:
        """The most tokens by which a sequence may be counted beyond its last ``tokens``."""


@dataclass(frozen=True, slots=True)
class Plain:
    """One pass, one token."""

    tokens: int = 1
    width: int = 1
    up_to: int = UNBOUNDED

    reads_hidden: bool = False

    def steps_of(self, _tokens: int, *_answer: int) -> int | None:
        """See ``DecodeMode``."""
        return None

    def overshoot(self, _tokens: int) -> int:
        """See ``DecodeMode``."""
        return 0


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
