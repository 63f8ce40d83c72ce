"""Prompts in progress: what their chunks cost a step, and what comes of those that it ends."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.serving.outcome.records import FINISHED, Counters
from simulator.serving.replica.prompts import PromptStep, prompt_step
from simulator.serving.replica.scheduler import Chunk, Scheduler
from simulator.serving.replica.step_clock import StepClock
from simulator.serving.traffic.request import Request

if TYPE_CHECKING:
    from simulator.serving.replica.lower_tiers import LowerTiers

OnDone = Callable[[Request, float, int], None]
"""(request, time at which its last token is out, status)."""

OnPrefilled = Callable[[Request, float], None]
"""(request, time at which its prompt is done)."""


class Prefill:
    """The ``chunks`` of the step in progress, none in a run of decode steps; ``step`` costs them.

    A replica has one such object for all of its steps. Each prompt that ends joins the batch, or
    goes to ``on_prefilled`` where the answer is decoded elsewhere, or is done if its first token
    was all that it asked for; who asked sees each token ``overhead_s`` after its step.
    """

    __slots__ = (
        "_clock", "_counters", "_lower", "_on_done", "_on_prefilled", "_overhead_s", "_scheduler",
        "_waits_s", "chunks", "step",
    )  # fmt: skip

    step: PromptStep

    def __init__(
        self,
        clock: StepClock,
        scheduler: Scheduler,
        counters: Counters,
        lower: "LowerTiers | None",
        on_done: OnDone,
        on_prefilled: OnPrefilled | None,
        overhead_s: float,
    ) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._counters = counters
        self._lower = lower
        self._on_done = on_done
        self._on_prefilled = on_prefilled
        self._overhead_s = overhead_s
        self.chunks: list[Chunk] = []
        # What the step waits for prefixes to be loaded.
        self._waits_s = 0.0

    def begin(self, now: float, chunks: list[Chunk], decoding: int) -> tuple[float, float]:
        """Begin a step of ``chunks`` beside ``decoding`` sequences: its seconds and joules."""
        context = self._scheduler.batch.context if decoding else 0.0
        self.chunks = chunks
        self.step = step = prompt_step(self._clock, chunks, decoding, context)
        if self._lower is None:
            return step.time_s, step.energy_j
        ready_s = max([request.ready_s for request, _ in chunks])
        self._waits_s = waits_s = self._lower.waits_s(ready_s - now, step.time_s)
        return step.time_s + waits_s, step.energy_j + waits_s * self._clock.idle_w

    def count(self, part: float) -> None:
        """Count what prompts took of the step in progress, or of ``part`` of it."""
        counters, step = self._counters, self.step
        counters.prompt_s += step.prompt_s * part
        counters.prompt_added_s += step.added_s * part
        counters.load_s += self._waits_s * part

    def finish(self, now: float) -> None:
        """The step is over: a prompt that is done gives a token, and decoding begins."""
        self.count(1.0)
        chunks, self.chunks = self.chunks, []
        scheduler, seen_s = self._scheduler, now + self._overhead_s
        for request, tokens in chunks:
            request.computed += tokens
            if request.computed != request.target:
                continue
            scheduler.prefilling.remove(request)
            self._counters.prompt_ends += 1
            request.generated += 1
            left = request.output_tokens - request.generated
            # Who answers from a pool of its own sends the first token too, once the cache is there.
            if request.first_token_s < 0 and not (left and self._on_prefilled):
                request.first_token_s = seen_s
            if left == 0:
                scheduler.free(request)
                self._on_done(request, seen_s, FINISHED)
            elif self._on_prefilled is not None:
                self._on_prefilled(request, now)
            else:
                scheduler.batch.join(request, left)

    def give_up(self) -> None:
        """The replica went down."""
        self.chunks = []
