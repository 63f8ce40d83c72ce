"""One replica: continuous batching over a paged KV cache, as events on a simpy clock.

Between two arrivals, completions or memory events the batch does not change, so a run of decode
steps is one event whose time and energy are closed sums (``DecodeCurve.run``).
``steps_per_event`` bounds such a run; 1 simulates step by step, and gives the same answer.
"""

from math import ceil, inf

import simpy

from simulator.serving.outcome.records import FINISHED, REJECTED, Counters
from simulator.serving.outcome.timeline import Timeline
from simulator.serving.policies.ordering import Composition, Ordering
from simulator.serving.replica.door import Door
from simulator.serving.replica.limits import EngineLimits
from simulator.serving.replica.macro_step import DecodeRun, steps_until, until_someone_may_come
from simulator.serving.replica.prefill import OnDone, OnPrefilled, Prefill
from simulator.serving.replica.prompts import lower_tiers
from simulator.serving.replica.scheduler import Chunk, Scheduler
from simulator.serving.replica.step_clock import StepClock
from simulator.serving.traffic.alarm import Alarm
from simulator.serving.traffic.request import Request
from simulator.serving.traffic.sources import OpenStream

UNBOUNDED = 1 << 60


class Engine:
    """A replica in time. ``submit`` requests; ``on_done`` hears of each end.

    With ``on_prefilled`` the replica computes prompts only: each is handed over when its first
    token is out, and keeps its blocks here until ``forget``. A ``stream`` all of whose requests
    come here is asked for those that are due at each step's end, so that no run of steps need
    be planned in full and cut.
    """

    __slots__ = (
        "_began_s", "_blocks_per_step", "_busy", "_door", "_end", "_energy_j", "_lower",
        "_number", "_on_done", "_on_prefilled", "_overhead_s", "_paused_s", "_prefill", "_rest",
        "_run", "_schedule_ahead", "_step_blocks", "_steps", "_steps_per_event", "_stream",
        "_time_s", "_timeline", "arriving", "clock", "counters", "env", "failures", "limits",
        "scheduler", "up",
    )  # fmt: skip

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
        number: int,
        steps_per_event: int,
        unit_tokens: int,
        partial_units: bool,
        on_prefilled: OnPrefilled | None,
        stream: OpenStream | None,
    ) -> None:
        self.env = env
        self.clock = clock
        self.limits = limits
        self.counters = Counters()
        shared = unit_tokens if limits.prefix_caching else 0
        self._lower = lower_tiers(limits, clock) if shared else None
        self.scheduler = Scheduler(
            limits, ordering, composition, self.counters, shared, partial_units, self._lower,
            clock.mode,
        )  # fmt: skip
        self.up = True
        self.failures = 0
        # Requests on their way here, in the front end.
        self.arriving = 0
        # Cache blocks that a sequence takes in a step on average, and at most.
        self._blocks_per_step = clock.mode.tokens / limits.kv_block_tokens
        self._step_blocks = ceil(ceil(clock.mode.tokens) / limits.kv_block_tokens)
        self._overhead_s = limits.request_overhead_s
        self._schedule_ahead = limits.schedule_ahead
        self._number = number
        self._on_done = on_done
        self._on_prefilled = on_prefilled
        self._prefill = Prefill(
            clock, self.scheduler, self.counters, self._lower, on_done, on_prefilled,
            self._overhead_s,
        )  # fmt: skip
        rule = limits.admission
        self._door = None if rule is None else Door(rule, limits.max_batched_tokens)
        self._stream = stream
        if stream is not None:
            stream.wait_while(lambda: self._busy)
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
        # How long the batch has been kept from decoding by steps of prompts alone.
        self._paused_s = 0.0

    @property
    def waiting(self) -> int:
        """Requests not yet admitted (or thrown out again)."""
        outside = 0 if self._door is None else len(self._door.outside)
        return len(self.scheduler.waiting.entries) + outside

    @property
    def unfinished(self) -> int:
        """Requests that wait or run here, or are on their way."""
        return self.arriving + self.waiting + self.scheduler.running

    def cached_prefix_tokens(self, request: Request) -> int:
        """Tokens of the prompt that the prefix cache holds right now, in whatever tier."""
        pool = self.scheduler.pool
        if pool.cache is not None:
            self._run.take_blocks_by(self.env.now, self.scheduler.batch, pool)
        units = pool.cached_units(request)
        if self._lower is not None and request.prefix:
            units += self._lower.count(pool.units_behind(request, units))
        return pool.cached_tokens(request, units)

    def final_counters(self) -> Counters:
        """The replica's totals, with those of its events."""
        cache, counters = self.scheduler.pool.cache, self.counters
        if cache is not None:
            counters.held_block_s = cache.held_block_s
        if self._lower is not None:
            counters = self._lower.add_to(counters)
        return self._timeline.add_to(counters, self._number)

    def submit(self, request: Request) -> None:
        """Take a request; one that can never fit is rejected at once."""
        scheduler, now = self.scheduler, request.submitted_s
        if scheduler.never_fits(request, answers=self._on_prefilled is None):
            self._on_done(request, now, REJECTED)
            return
        if self._lower is not None and request.prefix:
            self._run.take_blocks_by(now, scheduler.batch, scheduler.pool)
            scheduler.prefetch(request, now)
        if self._door is not None and self._busy:
            self._knock(self._door, request)
            return
        scheduler.waiting.push(request)
        if not self._busy:
            scheduler.last_step_began_s = now
            self._begin(now)
        elif self._run.under_way and self._stream is None and scheduler.may_admit(request, now):
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
        self.scheduler.pool.tell_time(self.env.now)
        self.scheduler.free(request)
        if not self._busy and self.up and self.waiting:
            self._begin(self.env.now)

    def fail(self) -> list[Request]:
        """Go down now; returns the requests that were lost, as if they had just come."""
        if self._busy:
            self._break_off(self.env.now)
        self.up = False
        self.failures += 1
        self._end.cancel()
        self._rest.cancel()
        self._run.give_up()
        self._prefill.give_up()
        self._busy = False
        self._paused_s = 0.0
        lost = self.scheduler.clear()
        if self._door is not None:
            lost += self._door.let_in()
            self._door.passed(0)
        for request in lost:
            request.epoch += 1
            request.start_afresh(self.env.now)
        return lost

    def _break_off(self, now: float) -> None:
        """Account for the event in progress up to ``now``: the last step of it is lost half done.

        Earlier steps of a run gave their tokens, though nobody can go on from them.
        """
        run, batch = self._run, self.scheduler.batch
        if run.under_way and (steps := run.begun_by(now)[0] - 1):
            context = run.context + steps * batch.gain
            self._shorten(steps, *run.curve.run(run.context, steps))
            end_s = self._began_s + self._time_s
            self._finish(end_s)
            self._began_s = end_s
            self._time_s, self._energy_j = run.curve.run(context, 1)
        part = min(1.0, (now - self._began_s) / self._time_s) if self._time_s else 0.0
        if self._prefill.chunks:
            self._prefill.count(part)
        self._timeline.add((
            self._number, self._began_s, self._time_s * part, 0, len(batch.sequences), 0, 0,
            self._energy_j * part, self.scheduler.running, self.waiting,
            self.scheduler.pool.total - self.scheduler.pool.free,
        ))  # fmt: skip

    def restart(self) -> None:
        """Come back up, with an empty cache."""
        self.up = True

    def _begin(self, now: float) -> None:
        """Begin to work, now that something has come from outside, and sleep until a step ends."""
        self._busy = self._next(now)
        if self._busy:
            self._end.set(now + self._time_s - self.env.now)

    def _on_end(self, _event: simpy.Event) -> None:
        """Take step after step; what ends before anything else is due needs no alarm."""
        env, stream = self.env, self._stream
        now = env.now
        self._finish(now)
        while self._next(now):
            end_s = now + self._time_s
            # All that a stream leaves on the clock it sends here, and only once this one rests.
            if stream is None and end_s >= env.peek():
                self._end.set(end_s - env.now)
                return
            now = end_s
            self._finish(now)
        self._busy = False
        if stream is not None:
            stream.wake()

    def _next(self, now: float) -> bool:
        """Decide on the next step, or run of steps; False when there is nothing to do."""
        scheduler = self.scheduler
        sequences = scheduler.batch.sequences
        self._began_s = now
        if self._door is not None and not self._door.closed_for(len(sequences)):
            for request in self._door.let_in():
                scheduler.waiting.push(request)
        chunks: list[Chunk] = []
        if scheduler.waiting.entries or scheduler.prefilling or scheduler.loading:
            chunks, decode = scheduler.plan(now)
            if chunks:
                decoding = len(sequences) if decode else 0
                self._steps = 1 if decoding else 0
                self._time_s, self._energy_j = self._prefill.begin(now, chunks, decoding)
        else:
            scheduler.held_back = scheduler.watches_evictions = False
            if scheduler.pool.free < len(sequences) * self._step_blocks:
                scheduler.make_room()
        if not chunks:
            if not sequences:
                self._rest_until_loaded()
                return False
            self._start_run(now)
        if scheduler.stall_s:
            self._add_stall(scheduler.stall_s)
        return True

    def _rest_until_loaded(self) -> None:
        """Nothing can be computed before a prefix that is on its way is there."""
        if self.scheduler.loading:
            self._rest.cancel()
            self._rest.set(max(0.0, self.scheduler.next_load_s() - self.env.now))

    def _on_rest(self, _event: simpy.Event) -> None:
        if not self._busy:
            self._begin(self.env.now)

    def _start_run(self, now: float) -> None:
        """Begin as many decode steps as nothing can interrupt."""
        scheduler, run, stream = self.scheduler, self._run, self._stream
        batch, free, stall_s = scheduler.batch, scheduler.pool.free, scheduler.stall_s
        sequences = len(batch.sequences)
        steps = batch.next_end - batch.tick
        if steps > self._steps_per_event:
            steps = self._steps_per_event
        # Whatever the residues, no sequence takes more than a block beyond these.
        if free < sequences * (steps * self._blocks_per_step + 1):
            steps = batch.steps_within(free, steps)
        until_s = inf
        if scheduler.waiting.entries or scheduler.loading or scheduler.prefilling:
            steps, until_s = until_someone_may_come(scheduler, stream, steps)
        elif stream is not None and sequences < self.limits.max_sequences:
            until_s = stream.next_s
        if self._door is not None and self._door.outside and not scheduler.held_back:
            steps = min(steps, self._door.closed_for(sequences))
        run.curve = curve = self.clock.decode(sequences)
        run.context = context = batch.context
        if until_s < inf:
            lasts_s = until_s - (now + stall_s) if until_s > now else inf
            most = steps
            steps, time_s, self._energy_j = steps_until(curve, context, lasts_s, most, run.step_s)
            sits_out = self._schedule_ahead and stream is not None and until_s == stream.next_s
            if sits_out and steps < most and time_s >= lasts_s:
                steps += 1
                time_s, self._energy_j = curve.run(context, steps)
        else:
            time_s, self._energy_j = curve.run(context, steps)
        self._time_s = time_s
        run.step_s = time_s / steps
        run.under_way = True
        run.began_s = now
        run.stall_s = stall_s
        self._steps = run.steps = steps

    def _add_stall(self, stall_s: float) -> None:
        """The step just decided on waits for blocks on their way to the host or back."""
        self.scheduler.stall_s = 0.0
        self._time_s += stall_s
        self._energy_j += stall_s * self.clock.idle_w

    def _cut_run(self, more: int) -> None:
        """A request came during a run: let the step in progress and ``more`` of them finish."""
        run = self._run
        steps, time_s, energy_j = run.begun_by(self.env.now)
        if more:
            steps += more
            time_s, energy_j = run.curve.run(run.context, min(steps, run.steps))
        if steps >= run.steps:
            return
        self._shorten(steps, time_s, energy_j)
        self._end.cancel()
        self._end.set(max(0.0, self._began_s + self._time_s - self.env.now))

    def _shorten(self, steps: int, time_s: float, energy_j: float) -> None:
        """The run in progress is over after ``steps`` steps, which take that without its stall."""
        stall_s = self._run.stall_s
        self._steps = self._run.steps = steps
        self._time_s = time_s + stall_s
        self._energy_j = energy_j + stall_s * self.clock.idle_w

    def _finish(self, now: float) -> None:
        """What was in progress is over."""
        stream = self._stream
        if stream is not None and stream.next_s <= now:
            stream.send_until(now)
        scheduler, prefill, steps = self.scheduler, self._prefill, self._steps
        batch, pool, chunks = scheduler.batch, scheduler.pool, prefill.chunks
        decoding, waiting = len(batch.sequences), len(scheduler.waiting.entries)
        if self._schedule_ahead:
            self._note_last_step(steps)
        if self._door is not None:
            self._door.passed(0 if chunks else steps)
            waiting += len(self._door.outside)
        outputs = 0
        ended: list[Request] | None = None
        if steps:
            outputs = batch.advance(steps) if chunks else self._run.finish(batch, pool)
            if self._paused_s:
                self._timeline.add_gap(self._paused_s + self._time_s / steps, decoding)
                self._paused_s = 0.0
            if batch.next_end <= batch.tick:
                ended, surplus = batch.pop_ended()
                outputs -= surplus
        elif decoding:
            self._paused_s += self._time_s
        if chunks:
            outputs += prefill.step.ends
        self._timeline.add((
            self._number, self._began_s, self._time_s, steps, decoding, outputs,
            prefill.step.tokens if chunks else 0, self._energy_j,
            decoding + len(scheduler.prefilling), waiting, pool.total - pool.free,
        ))  # fmt: skip
        if ended or chunks:
            pool.tell_time(now)
        if ended:
            seen_s = now + self._overhead_s
            for request in ended:
                scheduler.free(request)
                self._on_done(request, seen_s, FINISHED)
        if chunks:
            prefill.finish(now)

    def _note_last_step(self, steps: int) -> None:
        """Remember when the last step of a run began: what came later was not planned for."""
        is_run = self._run.under_way and steps > 1 and self.waiting
        began_s = self._run.end_s(steps - 1) if is_run else self._began_s
        self.scheduler.last_step_began_s = began_s
