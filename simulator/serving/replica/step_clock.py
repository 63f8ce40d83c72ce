"""What the simulation asks of the roofline: the seconds and joules of a step."""

from typing import Protocol

from simulator.roofline.step.decoding import DecodeMode


class DecodeCurve(Protocol):
    """Decode steps of one batch size, against the mean context."""

    def run(self, context: float, steps: int) -> tuple[float, float]:
        """Seconds and joules of ``steps`` steps, the first at ``context``.

        Each further one is the tokens of the clock's mode on. Must add up: with t tokens a step
        ``run(c, n + m)`` is ``run(c, n)`` and ``run(c + n·t, m)`` together.
        """


class StepClock(Protocol):
    """Times and energies of steps of one model on one deployment."""

    idle_w: float
    mode: DecodeMode

    def decode(self, sequences: int) -> DecodeCurve:
        """The curve for ``sequences`` decoding together."""

    def mixed(
        self,
        decoding: int,
        context: float,
        prompts: int,
        prompt_tokens: int,
        past: float,
        sampling: int,
    ) -> tuple[float, float]:
        """Seconds and joules of one step with prompt chunks.

        ``decoding`` sequences at mean ``context``; ``prompts`` chunks of ``prompt_tokens``
        tokens together behind a mean of ``past`` cached ones; ``sampling`` of them end here.
        """
