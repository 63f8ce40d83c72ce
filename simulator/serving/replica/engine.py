"""One replica: continuous batching over a paged KV cache, as events on a simpy clock.

Between two arrivals, completions or memory events the batch does not change, so a run of decode
steps is one event whose time and energy are closed sums (``DecodeCurve.run``).
``steps_per_event`` bounds such a run; 1 simulates step by step, and gives the same answer.
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf
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
            limits, ordering, composition, self.counters, shared, partial_units, self._lower
        )
        self.up = True
        self.failures = 0
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
        self._rest: Alarm | None = None
        self._began_s = 0.0
        self._time_s = 0.0
        self._energy_j = 0.0
        self._steps = 0
        self._run = DecodeRun()
        self._chunks: list[Chunk] = []
        self._prompt_tokens = 0
        self._decode_step_s = 0.0
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
        begun = run.until(self.env.now, self._steps, self._decode_step_s)[0]
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
            begun = run.until(self.env.now, self._steps, self._decode_step_s)[0]
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
        self._end, self._busy, self._rest = Alarm(self.env, self._on_end), False, None
        self._run.under_way, self._chunks = False, []
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
        scheduler.held_back = scheduler.watches_evictions = False
        if self._door is not None and not self._door.closed_for(len(sequences)):
            for request in self._door.let_in():
                scheduler.waiting.push(request)
        if scheduler.waiting.entries or scheduler.prefilling or scheduler.loading:
            chunks, decode = scheduler.plan(now)
            if chunks:
                self._start_mixed(now, chunks, decode)
                return
        elif scheduler.pool.free < len(sequences):
            scheduler.make_room()
        if sequences:
            self._start_decode_run(now)
        else:
            self._busy = False
            if scheduler.loading:
                self._rest = Alarm(self.env, self._on_rest)
                self._rest.set(max(0.0, scheduler.next_load_s() - now))

    def _on_rest(self, event: simpy.Event) -> None:
        if event is self._rest and not self._busy:
            self._next(self.env.now)

    def _start_mixed(self, now: float, chunks: list[Chunk], decode: bool) -> None:
        batch = self.scheduler.batch
        decoding = len(batch.sequences) if decode else 0
        context = batch.context_sum / decoding if decoding else 0.0
        tokens = past = sampling = 0
        for request, count in chunks:
            tokens += count
            past += request.computed * count
            sampling += request.computed + count == request.target
        time_s, energy_j = self.clock.mixed(
            decoding, context, len(chunks), tokens, past / tokens, sampling
        )
        if self._lower is not None:
            ready_s = max([request.ready_s for request, _ in chunks])
            waits_s = self._lower.waits_s(ready_s - now, time_s)
            time_s += waits_s
            energy_j += waits_s * self.clock.idle_w
        # What prompts add to the step: its time beyond that of the last decode steps.
        added_s = time_s - self._decode_step_s if decoding else time_s
        if added_s > 0:
            self.counters.prefill_s += added_s
        self._chunks = chunks
        self._prompt_tokens = tokens
        self._sleep(now, time_s, energy_j, 1 if decoding else 0)

    def _start_decode_run(self, now: float) -> None:
        scheduler = self.scheduler
        batch = scheduler.batch
        sequences = len(batch.sequences)
        steps = batch.next_end - batch.tick
        if steps > self._steps_per_event:
            steps = self._steps_per_event
        if scheduler.held_back:
            steps = 1
        elif self._door is not None and self._door.outside:
            steps = min(steps, self._door.closed_for(sequences))
        free = scheduler.pool.free
        # Whatever their residues, n sequences take at most n blocks in as many steps as a block
        # has tokens.
        if free < sequences * (steps // self.limits.kv_block_tokens + 1):
            steps = batch.steps_within(free, steps)
        if scheduler.watches_evictions:
            steps = batch.steps_within(scheduler.pool.unused, steps)
        curve = self.clock.decode(sequences)
        context = batch.context_sum / sequences
        stall_s = scheduler.stall_s
        until_s = self._must_end_at(scheduler)
        lasts_s = until_s - (now + stall_s) if until_s > now else inf
        steps, time_s, energy_j = steps_until(curve, context, lasts_s, steps, self._decode_step_s)
        self._decode_step_s = time_s / steps
        self._run.begin(curve, context, now, stall_s)
        self._sleep(now, time_s, energy_j, steps)

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

    def _sleep(self, now: float, time_s: float, energy_j: float, steps: int) -> None:
        stall_s = self.scheduler.stall_s
        if stall_s:
            self.scheduler.stall_s = 0.0
            time_s += stall_s
            energy_j += stall_s * self.clock.idle_w
        self._began_s = now
        self._time_s = time_s
        self._energy_j = energy_j
        self._steps = steps
        self._busy = True
        self._end.set(time_s)

    def _cut_run(self, more: int) -> None:
        """A request came during a run: let the step in progress and ``more`` of them finish."""
        run, most = self._run, self._steps
        stall_s = run.stall_s
        steps, time_s, energy_j = run.until(self.env.now, most, self._decode_step_s)
        if more:
            steps += more
            time_s, energy_j = run.curve.run(run.context, min(steps, most))
        if steps >= most:
            return
        self._time_s = time_s + stall_s
        self._energy_j = energy_j + stall_s * self.clock.idle_w
        self._steps = steps
        self._end = Alarm(self.env, self._on_end)
        self._end.set(max(0.0, self._began_s + self._time_s - self.env.now))

    def _on_end(self, event: simpy.Event) -> None:
        if event is not self._end:
            return
        now = self.env.now
        scheduler = self.scheduler
        batch, pool = scheduler.batch, scheduler.pool
        steps, chunks, run = self._steps, self._chunks, self._run
        decoding = len(batch.sequences)
        if self._schedule_ahead:
            self._note_last_step(steps)
        if steps:
            if run.under_way:
                run.take_blocks(batch, pool, steps)
                run.under_way = False
            batch.advance(steps)
            if self._paused_s:
                self._timeline.add_gap(self._paused_s + self._time_s / steps, decoding)
                self._paused_s = 0.0
        elif decoding:
            self._paused_s += self._time_s
        if self._door is not None:
            self._door.passed(0 if chunks else steps)
        self._timeline.add(
            (
                self._number,
                self._began_s,
                self._time_s,
                steps,
                decoding,
                self._prompt_tokens if chunks else 0,
                self._energy_j,
                decoding + len(scheduler.prefilling),
                len(scheduler.waiting.entries) if self._door is None else self.waiting,
                pool.total - pool.free,
            )
        )
        if batch.next_end <= batch.tick:
            for request in batch.pop_ended():
                scheduler.free(request)
                self._on_done(request, now + self._overhead_s, FINISHED)
        if chunks:
            self._finish_chunks(now)
        self._next(now)

    def _finish_chunks(self, now: float) -> None:
        prefilling = self.scheduler.prefilling
        for request, tokens in self._chunks:
            request.computed += tokens
            if request.computed == request.target:
                prefilling.remove(request)
                self._first_token(request, now)
        self._chunks = []

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
