"""Steps that verify what was drafted: how many tokens come out, expected and drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.roofline.step.decoding import UNBOUNDED, steps_for


def positions_of(rate: float, depth: int, widths: Sequence[int] | None = None) -> tuple[float, ...]:
    """The chance that everything up to each position is right.

    A candidate is right with chance ``rate`` when all before it are; of ``widths`` candidates at a
    position one must be, each by itself.
    """
    tries = widths or (1,) * depth
    return tuple(np.cumprod([1.0 - (1.0 - rate) ** n for n in tries]).tolist())


def rate_of(tokens: float, depth: int) -> float:
    """The rate at which a chain of ``depth`` gives ``tokens`` a step, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if 1 + sum(positions_of(middle, depth)) < tokens else (low, middle)
        )
    return (low + high) / 2


@dataclass(frozen=True)
class Drafted:
    """See ``DecodeMode``.

    Args:
        accepted: the chance that everything up to each drafted position is right.
        width: tokens of a sequence that a step verifies.
        up_to: sequences of a replica that draft together.
        reads_hidden: whether the model's hidden states are drafted from.
        seed: of the draws; None gives every step the expected tokens.
    """

    accepted: tuple[float, ...]
    width: int
    up_to: int = UNBOUNDED
    reads_hidden: bool = False
    seed: int | None = None

    @cached_property
    def tokens(self) -> float:
        """One that the model finds itself, and those accepted before it."""
        found = 1.0 + sum(self.accepted)
        return int(found) if found.is_integer() else found

    def steps_of(self, tokens: int, *answer: int) -> int | None:
        """Steps until the tokens of a step, drawn anew for each, add up to ``tokens``."""
        if self.seed is None or not tokens:
            return None
        generator = np.random.default_rng((self.seed, *answer))
        some = int(1.25 * tokens / self.tokens) + 8
        gained, steps = 0, 0
        while True:
            drawn = generator.random(some)
            # So many positions are accepted as have a chance above the draw.
            each = 1 + np.searchsorted(self._falling, -drawn, side="left")
            sums = gained + np.cumsum(each)
            enough = int(np.searchsorted(sums, tokens))
            if enough < some:
                longest = steps_for(tokens + self.overshoot(tokens), self.tokens) - 1
                return min(steps + enough + 1, longest)
            gained, steps = int(sums[-1]), steps + some

    @cached_property
    def _falling(self) -> np.ndarray:
        return -np.asarray(self.accepted)

    def overshoot(self, tokens: int) -> int:
        """See ``DecodeMode``: less than a step's tokens; half as much again where steps are drawn.

        A draw beyond that is cut there.
        """
        return self.width - 1 + (0 if self.seed is None else tokens // 2 + 2 * self.width)


@dataclass(frozen=True)
class Settling:
    """Blocks of ``width`` tokens of which ``tokens`` settle in a step; see ``DecodeMode``."""

    tokens: float
    width: int
    up_to: int = UNBOUNDED
    reads_hidden: bool = False

    def steps_of(self, _tokens: int, *_answer: int) -> int | None:
        """See ``DecodeMode``."""
        return None

    def overshoot(self, _tokens: int) -> int:
        """See ``DecodeMode``."""
        return self.width - 1
