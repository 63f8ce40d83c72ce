"""What prompts cost a replica: the step that computes their chunks, and estimates beforehand."""

from typing import TYPE_CHECKING, NamedTuple

from simulator.serving.replica.limits import EngineLimits
from simulator.serving.replica.scheduler import Chunk
from simulator.serving.replica.step_clock import StepClock

if TYPE_CHECKING:
    from simulator.serving.replica.lower_tiers import LowerTiers


class PromptStep(NamedTuple):
    """A step with prompts.

    Args:
        tokens: of prompts.
        ends: prompts that end with it; each gives a token.
        time_s, energy_j: of the step.
        prompt_s: part of its time that is the prompts', in the proportion that they and the
            decoding sequences would take alone. A row that ends a prompt is also the row of the
            answer's first token, and counts once for each.
        added_s: by how much prompts make the step longer.
    """

    tokens: int
    ends: int
    time_s: float
    energy_j: float
    prompt_s: float
    added_s: float


def prompt_step(clock: StepClock, chunks: list[Chunk], decoding: int, context: float) -> PromptStep:
    """The step that computes ``chunks`` beside ``decoding`` sequences of mean ``context``."""
    tokens = past = sampling = 0
    for request, count in chunks:
        tokens += count
        past += request.computed * count
        sampling += request.computed + count == request.target
    prompts = len(chunks), tokens, past / tokens, sampling
    time_s, energy_j = clock.mixed(decoding, context, *prompts)
    prompts_s = added_s = time_s
    if decoding:
        answers_s = clock.decode(decoding).run(context, 1)[0]
        alone_s = clock.mixed(0, 0.0, *prompts)[0]
        prompts_s = time_s * alone_s / (alone_s + answers_s)
        added_s = max(0.0, time_s - answers_s)
    prompt_s = prompts_s * tokens / (tokens + sampling)
    return PromptStep(tokens, sampling, time_s, energy_j, prompt_s, added_s)


def lower_tiers(limits: EngineLimits, clock: StepClock) -> "LowerTiers | None":
    """The tiers behind the device's cache; imported only where a deployment has any."""
    if limits.lower_tiers is None:
        return None
    from simulator.serving.replica.lower_tiers import LowerTiers

    times = PromptTime(clock, limits.max_batched_tokens)
    return LowerTiers(limits.lower_tiers, limits.kv_block_tokens, times.whole_s, times.first_step_s)


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
