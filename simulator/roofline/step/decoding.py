"""What a decode step is made of: which passes of the model, and how many tokens come out.

Plain decoding runs the model once over the last token of every sequence, and each gains one. A
mode that guesses ahead has other passes and another gain; what prices steps, shares out the
token budget, hands out cache or counts tokens asks the mode and assumes nothing.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from simulator.graph.step_shape import StepShape


@dataclass(frozen=True, slots=True)
class Pass:
    """The model run once over ``width`` tokens of every decoding sequence, all of them sampled."""

    width: int = 1

    def grid(self, batches: ArrayLike, contexts: ArrayLike) -> StepShape:
        """The pass for all ``batches`` (down) at all mean ``contexts`` (across).

        Several tokens of a sequence are computed as the chunk of a prompt is: together, each
        attending to those before it.
        """
        alone = StepShape.decode_grid(batches, contexts)
        if self.width == 1:
            return alone
        nobody, sequences = alone.prefill_sequences, alone.decode_sequences
        return StepShape(
            nobody,
            nobody,
            sequences,
            np.full_like(nobody, self.width),
            alone.decode_context,
            sequences * self.width,
        )


class DecodeMode(Protocol):
    """How sequences decode. Every sequence of a batch is in the same mode."""

    @property
    def tokens(self) -> float:
        """Tokens by which a sequence grows in a step, on average and at least 1.

        A whole number is best given as an ``int``, which keeps all counts exact.
        """

    @property
    def passes(self) -> tuple[Pass, ...]:
        """The passes of a step in their order; prompts join the last one."""

    @property
    def width(self) -> int:
        """Tokens of a sequence that a step computes at once: what it takes of the token budget.

        All but the first also need room in the cache, whether they are kept or not.
        """


@dataclass(frozen=True, slots=True)
class Plain:
    """One pass, one token."""

    tokens: int = 1
    passes: tuple[Pass, ...] = (Pass(),)
    width: int = 1


PLAIN: DecodeMode = Plain()


def tokens_after(steps: int, tokens: float) -> int:
    """Whole tokens that a sequence has gained after ``steps`` steps of ``tokens`` on average."""
    return int(steps * tokens)


def steps_for(gained: int, tokens: float) -> int:
    """The fewest steps after which ``tokens_after`` reaches ``gained``."""
    if isinstance(tokens, int):
        return -(-gained // tokens)
    steps = int(gained / tokens)
    while int(steps * tokens) < gained:
        steps += 1
    return steps
