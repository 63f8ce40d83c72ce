"""One replica: continuous batching over a paged KV cache, as events on a simpy clock.

Between two arrivals, completions or memory events the batch does not change, so a run of decode
steps is one event whose time and energy are closed sums (``DecodeCurve.run``).
``steps_per_event`` bounds such a run; 1 simulates step by step, and gives the same answer.
"""

from collections.abc import Callable
from dataclasses import replace
from math import ceil, inf
from typing import TYPE_CHECKING

import simpy

from simulator.serving.outcome.records import FINISHED, REJECTED, Counters
from simulator.serving.outcome.timeline import Timeline
from simulator.serving.policies.ordering import Composition, Ordering
from simulator.serving.replica.door import Door
from simulator.serving.replica.limits import EngineLimits
from simulator.serving.replica.macro_step import DecodeRun, steps_until
from simulator.serving.replica.prompt_time import PromptTime
from simulator.serving.replica.scheduler import Chunk, Scheduler
from simulator.serving.replica.step_clock import StepClock
from simulator.serving.traffic.alarm import Alarm
from simulator.serving.traffic.request import Request
from simulator.serving.traffic.sources import OpenStream

if TYPE_CHECKING:
    from simulator.serving.replica.lower_tiers import LowerTiers

UNBOUNDED = 1 << 60

OnDone = Callable[[Request, float, int], None]
"""(request, time at which its last token is out, status)."""

OnPrefilled = Callable[[Request, float], None]
"""(request, time at which its prompt is done)."""


def _lower_tiers(limits: EngineLimits, clock: StepClock) -> "LowerTiers | None":
    """The tiers behind the device's cache; imported only where a deployment has any."""
    if limits.lower_tiers is None:
        return None
    from simulator.serving.replica.lower_tiers import LowerTiers

    times = PromptTime(clock, limits.max_batched_tokens)
    return LowerTiers(limits.lower_tiers, limits.kv_block_tokens, times.whole_s, times.first_step_s)


class Engine:
    """A replica in time. ``submit`` requests; ``on_done`` hears of each end.

    With ``on_prefilled`` the replica computes prompts only: each is handed over when its first
    token is out, and keeps its blocks here until ``forget``. Where the next arrival is known and
    sure to come here, ``stream`` tells its time, so that a run of steps need not be planned in
    full and cut.
    """

    def __init__(
        self,
        env: simpy.Environment,
        clock: StepClock,
        limits: EngineLimits,
        ordering: Ordering,
        composition: Composition,
        on_done: OnDone,
        timeline: Timeline,
        *,
        number: int = 0,
        steps_per_event: int = UNBOUNDED,
        unit_tokens: int = 0,
        partial_units: bool = True,
        on_prefilled: OnPrefilled | None = None,
        stream: OpenStream | None = None,
    ) -> None:
        self.env = env
        self.clock = clock
        self.limits = limits
        self.counters = Counters()
        shared = unit_tokens if limits.prefix_caching else 0
        self._lower = _lower_tiers(limits, clock) if shared else None
        self.scheduler = Scheduler(
            limits, ordering, composition, self.counters, shared, partial_units, self._lower,
            clock.mode,
        )  # fmt: skip
        self.up = True
        self.failures = 0
        # Cache blocks that a sequence takes in a step on average, and at most.
        self._blocks_per_step = clock.mode.tokens / limits.kv_block_tokens
        self._step_blocks = ceil(ceil(clock.mode.tokens) / limits.kv_block_tokens)
        self._overhead_s = limits.request_overhead_s
        self._schedule_ahead = limits.schedule_ahead
        self._number = number
        self._on_done = on_done
        self._on_prefilled = on_prefilled
        rule = limits.admission
        self._door = None if rule is None else Door(rule, limits.max_batched_tokens)
        # With asynchronous scheduling, or outside a door, an arrival must not end a run by itself.
        self._stream = None if limits.schedule_ahead or self._door else stream
        self._ends_for_arrival = False
        self._timeline = timeline
        self._steps_per_event = steps_per_event
        # The event in progress: what ends it, when that is, what it is, and what it costs.
        self._end = Alarm(env, self._on_end)
        self._busy = False
        # Ends the rest of a replica that waits for a prefix to be loaded and for nothing else.
        self._rest = Alarm(env, self._on_rest)
        self._began_s = 0.0
        self._time_s = 0.0
        self._energy_j = 0.0
        self._steps = 0
        self._run = DecodeRun()
        self._chunks: list[Chunk] = []
        self._prompt_tokens = 0
        # How long the batch has been kept from decoding by steps of prompts alone.
        self._paused_s = 0.0

    @property
    def waiting(self) -> int:
        """Requests not yet admitted (or thrown out again)."""
        return len(self.scheduler.waiting.entries) + self._outside

    @property
    def running(self) -> int:
        """Sequences that compute here."""
        return self.scheduler.running

    @property
    def unfinished(self) -> int:
        """Requests that wait or run here."""
        return len(self.scheduler.waiting.entries) + self._outside + self.scheduler.running

    @property
    def _outside(self) -> int:
        return 0 if self._door is None else len(self._door.outside)

    def cached_prefix_tokens(self, request: Request) -> int:
        """Tokens of the prompt that the prefix cache holds right now, in whatever tier."""
        pool = self.scheduler.pool
        if pool.cache is not None and self._run.under_way:
            self._take_blocks_so_far()
        units = pool.cached_units(request)
        if self._lower is not None and request.prefix:
            units += self._lower.count(pool.units_behind(request, units))
        return pool.cached_tokens(request, units)

    def _take_blocks_so_far(self) -> None:
        """Take the blocks of the steps done, which evict prefixes, before the run is over."""
        run, scheduler = self._run, self.scheduler
        begun = run.begun_by(self.env.now)[0]
        run.take_blocks(scheduler.batch, scheduler.pool, begun - 1)

    def final_counters(self) -> Counters:
        """The replica's totals, with those of its events."""
        totals, counters = self._timeline.totals(self._number), self.counters
        if self._lower is not None:
            counters = self._lower.add_to(counters)
        return replace(
            counters,
            steps=totals.steps,
            events=totals.events,
            prefill_tokens=totals.prefill_tokens,
            decode_tokens=totals.decode_tokens,
            peak_blocks=totals.peak_blocks,
            busy_s=counters.busy_s + totals.busy_s,
            energy_j=counters.energy_j + totals.energy_j,
        )

    def submit(self, request: Request) -> None:
        """Take a request; one that can never fit is rejected at once."""
        scheduler, now = self.scheduler, self.env.now
        if scheduler.never_fits(request, answers=self._on_prefilled is None):
            self._on_done(request, now, REJECTED)
            return
        if self._lower is not None and request.prefix:
            if self._run.under_way:
                self._take_blocks_so_far()
            scheduler.prefetch(request, now)
        if self._door is not None and self._busy:
            self._knock(self._door, request)
            return
        scheduler.waiting.push(request)
        if not self._busy:
            scheduler.last_step_began_s = now
            self._next(now)
        elif (
            self._run.under_way and not self._ends_for_arrival and scheduler.may_admit(request, now)
        ):
            # With asynchronous scheduling the step after this one is put together already.
            self._cut_run(int(self._schedule_ahead and now > self._began_s))

    def _knock(self, door: Door, request: Request) -> None:
        """Let ``request`` wait outside; a run of decode steps ends when the door opens."""
        run, sequences = self._run, len(self.scheduler.batch.sequences)
        begun = 0
        if run.under_way:
            begun = run.begun_by(self.env.now)[0]
        steps = door.knock(request, begun, sequences)
        if run.under_way:
            self._cut_run(steps - begun)

    def forget(self, request: Request) -> None:
        """A handed-over request's cache has arrived elsewhere: its blocks here are free."""
        self.scheduler.free(request)
        if not self._busy and self.up and self.waiting:
            self._next(self.env.now)

    def fail(self) -> list[Request]:
        """Go down now; returns the requests that were lost, as if they had just come."""
        if self._busy:
            done = min(1.0, (self.env.now - self._began_s) / self._time_s) if self._time_s else 0.0
            self.counters.busy_s += self._time_s * done
            self.counters.energy_j += self._energy_j * done
        self.up = False
        self.failures += 1
        self._end.cancel()
        self._rest.cancel()
        self._run.give_up()
        self._busy, self._chunks = False, []
        self._paused_s = 0.0
        lost = self.scheduler.clear()
        if self._door is not None:
            lost += self._door.let_in()
            self._door.passed(0)
        for request in lost:
            request.epoch += 1
            request.start_afresh(self.env.now)
        return lost

    def restart(self) -> None:
        """Come back up, with an empty cache."""
        self.up = True

    def _next(self, now: float) -> None:
        """Decide on the next step, or run of steps, and sleep until it is over."""
        scheduler = self.scheduler
        sequences = scheduler.batch.sequences
        if self._door is not None and not self._door.closed_for(len(sequences)):
            for request in self._door.let_in():
                scheduler.waiting.push(request)
        if scheduler.waiting.entries or scheduler.prefilling or scheduler.loading:
            chunks, decode = scheduler.plan(now)
            if chunks:
                self._start_prompts(now, chunks, decode)
                return
        else:
            scheduler.held_back = scheduler.watches_evictions = False
            if scheduler.pool.free < len(sequences) * self._step_blocks:
                scheduler.make_room()
        if sequences:
            self._start_run(now)
        else:
            self._busy = False
            if scheduler.loading:
                self._rest.cancel()
                self._rest.set(max(0.0, scheduler.next_load_s() - now))

    def _on_rest(self, _event: simpy.Event) -> None:
        if not self._busy:
            self._next(self.env.now)

    def _start_prompts(self, now: float, chunks: list[Chunk], decode: bool) -> None:
        """Begin a step that computes ``chunks``, beside the batch if that decodes too."""
        batch = self.scheduler.batch
        decoding = len(batch.sequences) if decode else 0
        tokens = past = sampling = 0
        for request, count in chunks:
            tokens += count
            past += request.computed * count
            sampling += request.computed + count == request.target
        time_s, energy_j = self.clock.mixed(
            decoding, batch.context if decoding else 0.0,
            len(chunks), tokens, past / tokens, sampling,
        )  # fmt: skip
        if self._lower is not None:
            ready_s = max([request.ready_s for request, _ in chunks])
            waits_s = self._lower.waits_s(ready_s - now, time_s)
            time_s += waits_s
            energy_j += waits_s * self.clock.idle_w
        # What prompts add to the step: its time beyond that of the last decode steps.
        added_s = time_s - self._run.step_s if decoding else time_s
        if added_s > 0:
            self.counters.prefill_s += added_s
        self._chunks = chunks
        self._prompt_tokens = tokens
        self._steps = 1 if decoding else 0
        self._sleep(now, time_s, energy_j)

    def _start_run(self, now: float) -> None:
        """Begin as many decode steps as nothing can interrupt."""
        scheduler, run = self.scheduler, self._run
        batch, stall_s = scheduler.batch, scheduler.stall_s
        steps = self._most_steps(scheduler)
        until_s = self._must_end_at(scheduler)
        run.curve = self.clock.decode(len(batch.sequences))
        run.context = batch.context
        lasts_s = until_s - (now + stall_s) if until_s > now else inf
        steps, time_s, energy_j = steps_until(run.curve, run.context, lasts_s, steps, run.step_s)
        run.step_s = time_s / steps
        run.under_way, run.began_s, run.stall_s, run.steps = True, now, stall_s, steps
        self._steps = steps
        self._sleep(now, time_s, energy_j)

    def _most_steps(self, scheduler: Scheduler) -> int:
        """Steps that the batch and the cache allow, and those who wait."""
        batch, free = scheduler.batch, scheduler.pool.free
        sequences = len(batch.sequences)
        steps = batch.steps_left()
        if steps > self._steps_per_event:
            steps = self._steps_per_event
        if scheduler.held_back:
            steps = 1
        elif self._door is not None and self._door.outside:
            steps = min(steps, self._door.closed_for(sequences))
        # Whatever the residues, no sequence takes more than a block beyond these.
        if free < sequences * (steps * self._blocks_per_step + 1):
            steps = batch.steps_within(free, steps)
        if scheduler.watches_evictions:
            steps = batch.steps_within(scheduler.pool.unused, steps)
        return steps

    def _must_end_at(self, scheduler: Scheduler) -> float:
        """When something is sure to happen that a run of decode steps must not outlast."""
        until_s = scheduler.next_load_s() if scheduler.loading else inf
        self._ends_for_arrival = False
        if scheduler.waiting.entries:
            return min(until_s, scheduler.waiting.first_is_late_at())
        if self._stream is None or scheduler.running >= self.limits.max_sequences:
            return until_s
        self._ends_for_arrival = True
        arrival_s = self._stream.next_s
        return arrival_s if arrival_s < until_s else until_s

    def _sleep(self, now: float, time_s: float, energy_j: float) -> None:
        stall_s = self.scheduler.stall_s
        if stall_s:
            self.scheduler.stall_s = 0.0
            time_s += stall_s
            energy_j += stall_s * self.clock.idle_w
        self._began_s = now
        self._time_s = time_s
        self._energy_j = energy_j
        self._busy = True
        self._end.set(time_s)

    def _cut_run(self, more: int) -> None:
        """A request came during a run: let the step in progress and ``more`` of them finish."""
        run = self._run
        steps, time_s, energy_j = run.begun_by(self.env.now)
        if more:
            steps += more
            time_s, energy_j = run.curve.run(run.context, min(steps, run.steps))
        if steps >= run.steps:
            return
        self._time_s = time_s + run.stall_s
        self._energy_j = energy_j + run.stall_s * self.clock.idle_w
        self._steps = run.steps = steps
        self._end.cancel()
        self._end.set(max(0.0, self._began_s + self._time_s - self.env.now))

    def _on_end(self, _event: simpy.Event) -> None:
        now = self.env.now
        scheduler, chunks, steps = self.scheduler, self._chunks, self._steps
        batch, pool = scheduler.batch, scheduler.pool
        decoding = len(batch.sequences)
        if self._schedule_ahead:
            self._note_last_step(steps)
        outputs = 0
        ended: list[Request] = []
        if steps:
            if self._run.under_way:
                self._run.finish(batch, pool)
            outputs = decoding * batch.advance(steps)
            if self._paused_s:
                self._timeline.add_gap(self._paused_s + self._time_s / steps, decoding)
                self._paused_s = 0.0
        elif decoding:
            self._paused_s += self._time_s
        if self._door is not None:
            self._door.passed(0 if chunks else steps)
        held = pool.total - pool.free
        if batch.next_end <= batch.position:
            ended, surplus = batch.pop_ended()
            outputs -= surplus
        self._timeline.add(
            self._number,
            self._began_s,
            self._time_s,
            steps,
            decoding,
            outputs,
            self._prompt_tokens if chunks else 0,
            self._energy_j,
            decoding + len(scheduler.prefilling),
            len(scheduler.waiting.entries) if self._door is None else self.waiting,
            held,
        )
        for request in ended:
            scheduler.free(request)
            self._on_done(request, now + self._overhead_s, FINISHED)
        if chunks:
            self._chunks = []
            self._finish_chunks(chunks, now)
        self._next(now)

    def _finish_chunks(self, chunks: list[Chunk], now: float) -> None:
        prefilling = self.scheduler.prefilling
        for request, tokens in chunks:
            request.computed += tokens
            if request.computed == request.target:
                prefilling.remove(request)
                self._first_token(request, now)

    def _first_token(self, request: Request, now: float) -> None:
        """The prompt is done: its last row gives a token, and decoding begins."""
        overhead_s = self._overhead_s
        if request.first_token_s < 0:
            request.first_token_s = now + overhead_s
        self.counters.prompt_ends += 1
        request.generated += 1
        left = request.output_tokens - request.generated
        if left == 0:
            self.scheduler.free(request)
            self._on_done(request, now + overhead_s, FINISHED)
        elif self._on_prefilled is not None:
            self._on_prefilled(request, now)
        else:
            self.scheduler.batch.join(request, left)

    def _note_last_step(self, steps: int) -> None:
        """Remember when the last step of a run began: what came later was not planned for."""
        if not self._run.under_way or steps == 1 or not self.waiting:
            self.scheduler.last_step_began_s = self._began_s
            return
        self.scheduler.last_step_began_s = self._run.end_s(steps - 1)
