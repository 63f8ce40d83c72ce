"""How long a replica would compute a prompt, as an engine estimates it before it decides."""

from simulator.serving.replica.step_clock import StepClock


class PromptTime:
    """Times of prompts that have the replica's steps, of ``budget`` tokens at most, alone."""

    __slots__ = ("_budget", "_clock")

    def __init__(self, clock: StepClock, budget: int) -> None:
        self._clock = clock
        self._budget = budget

    def first_step_s(self, start: int, end: int) -> float:
        """The first step of tokens ``start`` to ``end``."""
        return self._step_s(start, min(end - start, self._budget))

    def whole_s(self, start: int, end: int) -> float:
        """All steps of tokens ``start`` to ``end``.

        A full step's time grows linearly with the tokens before it, so the first and the last
        tell the sum.
        """
        full, rest = divmod(end - start, self._budget)
        seconds = self._step_s(end - rest, rest) if rest else 0.0
        if full:
            last = end - rest - self._budget
            first_s, last_s = self._step_s(start, self._budget), self._step_s(last, self._budget)
            seconds += full * (first_s + last_s) / 2
        return seconds

    def _step_s(self, past: int, tokens: int) -> float:
        return self._clock.mixed(0, 0.0, 1, tokens, float(past), 1)[0]
