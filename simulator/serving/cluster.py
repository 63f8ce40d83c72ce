"""Replicas behind a router, fed by an open stream of requests or by users in a closed loop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import simpy

from simulator.errors import InputError
from simulator.serving.outcome.recorder import Recorder
from simulator.serving.outcome.records import LOST, REJECTED, Counters, Records
from simulator.serving.outcome.timeline import StepEvent, Timeline
from simulator.serving.policies.ordering import Composition, Ordering
from simulator.serving.policies.routing import Router
from simulator.serving.replica.engine import UNBOUNDED, Engine
from simulator.serving.replica.limits import EngineLimits
from simulator.serving.replica.step_clock import StepClock
from simulator.serving.traffic.alarm import Alarm
from simulator.serving.traffic.columns import Columns
from simulator.serving.traffic.front_end import FrontEnd
from simulator.serving.traffic.handover import Links, Transfer
from simulator.serving.traffic.request import Request, RequestTable
from simulator.serving.traffic.sources import ClosedLoop, OpenStream, Source

_FAILURES = "deployment.scheduling.failures"


@dataclass(frozen=True, slots=True)
class Pool:
    """Replicas of one kind. ``prefill`` ones hand each finished prompt to a ``decode`` one."""

    clock: StepClock
    limits: EngineLimits
    composition: Composition
    replicas: int = 1
    role: Literal["both", "prefill", "decode"] = "both"


@dataclass(frozen=True, slots=True)
class Failure:
    """A replica goes down at ``at_s`` and comes back at ``restart_s`` (None: never).

    What it served starts over elsewhere, or waits for a restart when nobody else is up. So does
    a prompt whose cache was on its way from or to it. Replicas count in the order of the pools.
    """

    replica: int
    at_s: float
    restart_s: float | None = None


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """What all replicas have in common, how many there are, and who asks.

    Args:
        pools: replicas of one kind each; failures count them in this order.
        users: makes the loop closed: each user sends its next request ``think_s`` after the last
            was answered, the first ones spread over ``ramp_s``; without it requests come at
            their own times.
        transfer: the links from prefill to decode replicas.
        ttft_limit_s: when a first token is due, for orderings that look at deadlines.
        keep_events: remember every event of every replica (for a trace viewer).
    """

    pools: tuple[Pool, ...]
    ordering: Ordering
    router: Router
    users: int | None = None
    think_s: float = 0.0
    ramp_s: float = 0.0
    steps_per_event: int = UNBOUNDED
    transfer: Transfer | None = None
    failures: tuple[Failure, ...] = ()
    ttft_limit_s: float = 0.0
    keep_events: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a simulation leaves behind; ``events`` are empty unless they were asked for.

    ``makespan_s`` is the time of the last token.
    """

    records: Records
    counters: tuple[Counters, ...]
    timeline: Timeline
    makespan_s: float
    events: tuple[StepEvent, ...] = ()


def serve(
    table: RequestTable,
    settings: ClusterSettings,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Serve every request of ``table``; returns when all are answered or rejected.

    ``progress`` is called with the number of ended requests about a hundred times.

    Raises:
        InputError: the table or the settings describe nothing that could be simulated.
    """
    cluster = Cluster(table, settings, progress)
    cluster.env.run()
    return cluster.outcome()


class Cluster:
    """A simulation that has not run yet: run or step ``env``, then ask for the ``outcome``."""

    def __init__(
        self,
        table: RequestTable,
        settings: ClusterSettings,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.env = simpy.Environment()
        self.arrived = 0
        self.ended = 0
        self.moving = 0
        self.homeless: list[Request] = []
        self._settings = settings
        self._progress = progress
        self._report_every = max(1, len(table) // 100)
        self._table = table
        pools = settings.pools
        _check(table, settings)
        self._columns = Columns(table, pools[0].limits.kv_block_tokens)
        self._links = None if settings.transfer is None else Links(settings.transfer)
        self._recorder = Recorder(table)
        replicas = sum(pool.replicas for pool in pools)
        self._timeline = Timeline(replicas, keep_events=settings.keep_events)
        # A stream that goes to one replica is let through its front end before all else.
        self._has_passed = settings.users is None and _is_alone(table, settings)
        self._source = self._make_source()
        self.engines = [
            self._engine(pool, number)
            for number, pool in enumerate(p for p in pools for _ in range(p.replicas))
        ]
        self._front_ends = [self._front_end(engine) for engine in self.engines]
        roles = [pool.role for pool in pools for _ in range(pool.replicas)]
        self._entrance = [i for i, role in enumerate(roles) if role != "decode"]
        self._decoders = [i for i, role in enumerate(roles) if role == "decode"]
        self._open = self._entrance
        self._restarts_to_come = sum(f.restart_s is not None for f in settings.failures)
        for failure in settings.failures:
            self._plan_failure(failure)
        self._source.start()

    def _engine(self, pool: Pool, number: int) -> Engine:
        source = self._source
        stream = source if self._has_passed and isinstance(source, OpenStream) else None
        return Engine(
            self.env,
            pool.clock,
            pool.limits,
            self._settings.ordering,
            pool.composition,
            self._done,
            self._timeline,
            number=number,
            steps_per_event=self._settings.steps_per_event,
            unit_tokens=self._columns.unit_tokens,
            partial_units=self._table.partial_blocks,
            on_prefilled=self._hand_over if pool.role == "prefill" else None,
            stream=stream,
        )

    def _front_end(self, engine: Engine) -> FrontEnd | None:
        """Where prompts come in; what a stream sends to one replica has passed it already."""
        time = engine.limits.front_end
        if time is None or self._has_passed:
            return None
        return FrontEnd(self.env, time, self._submit)

    def _make_source(self) -> Source:
        settings = self._settings
        if settings.users is None:
            time = settings.pools[0].limits.front_end
            if time is None or not self._has_passed:
                return OpenStream(self.env, self._table, self._send, self._table.arrival_s)
            return OpenStream(self.env, self._table, self._send, time.passed_s(self._table))
        return ClosedLoop(
            self.env, self._table, self._send, settings.users, settings.think_s, settings.ramp_s
        )

    def outcome(self) -> Outcome:
        """What the finished simulation leaves behind."""
        assert self.ended == len(self._table) and not self.moving, "a request was lost"
        records = self._recorder.records()
        return Outcome(
            records,
            tuple(engine.final_counters() for engine in self.engines),
            self._timeline,
            float(records.finished_s.max()),
            self._timeline.events(),
        )

    def _send(self, row: int, now: float) -> None:
        self.arrived += 1
        came_s = self._columns.arrival_s(row) if self._has_passed else now
        request = self._columns.request(row, came_s, self._settings.ttft_limit_s)
        request.submitted_s = now
        self._route(request)

    def _route(self, request: Request) -> None:
        engines, up = self.engines, self._open
        if self._decoders:
            fitting = [i for i in self._decoders if not engines[i].scheduler.never_fits(request)]
            if not fitting:
                self._done(request, self.env.now, REJECTED)
                return
            if not any(engines[i].up for i in fitting):
                up = []
        if not up:
            self._wait_for_restart(request)
            return
        request.replica = up[0]
        if len(up) > 1:
            views = [engines[i] for i in up]
            request.replica = up[self._settings.router(request, views, self.arrived - 1)]
        front_end = self._front_ends[request.replica]
        if front_end is None:
            engines[request.replica].submit(request)
        else:
            engines[request.replica].arriving += 1
            front_end.take(request)

    def _submit(self, request: Request) -> None:
        """Give ``request`` to the replica whose front end it has passed."""
        engine = self.engines[request.replica]
        engine.arriving -= 1
        if engine.up:
            engine.submit(request)
        else:
            self._route(request)

    def _note_who_is_up(self) -> None:
        self._open = [i for i in self._entrance if self.engines[i].up]

    def _wait_for_restart(self, request: Request) -> None:
        if self._restarts_to_come:
            self.homeless.append(request)
        else:
            self._done(request, self.env.now, LOST)

    def _done(self, request: Request, finished_s: float, status: int) -> None:
        self._recorder.write(request, finished_s, status)
        self.ended += 1
        if self._progress is not None and self.ended % self._report_every == 0:
            self._progress(self.ended)
        self._source.answered(request.index, finished_s)

    def _hand_over(self, request: Request, now: float) -> None:
        """Send a prompt's cache from its prefill replica to the emptiest decode replica."""
        assert self._links is not None
        engines = self.engines
        origin = engines[request.replica]
        up = [i for i in self._decoders if engines[i].up]
        fitting = [i for i in up if not engines[i].scheduler.never_fits(request)]
        if not fitting:
            # The last one went down meanwhile.
            origin.forget(request)
            self.moving += 1
            Alarm(self.env, lambda _event: self._start_over(request)).set(now - self.env.now)
            return
        target = min(fitting, key=lambda i: engines[i].unfinished)
        lives = origin.failures, engines[target].failures
        arrival_s = self._links.arrival_s(request.computed, now)
        self.moving += 1

        def arrive(_event: simpy.Event) -> None:
            if origin.failures == lives[0]:
                origin.forget(request)
            if (origin.failures, engines[target].failures) != lives:
                self._start_over(request)
                return
            self.moving -= 1
            request.replica = target
            request.submitted_s = self.env.now
            self.engines[target].submit(request)

        Alarm(self.env, arrive).set(arrival_s - self.env.now)

    def _start_over(self, request: Request) -> None:
        """Begin again with a prompt whose cache was lost between two replicas."""
        self.moving -= 1
        request.start_afresh(self.env.now)
        self._route(request)

    def _plan_failure(self, failure: Failure) -> None:
        engine = self.engines[failure.replica]

        def go_down(_event: simpy.Event) -> None:
            lost = engine.fail()
            self._note_who_is_up()
            for request in lost:
                self._route(request)

        def come_back(_event: simpy.Event) -> None:
            engine.restart()
            self._note_who_is_up()
            self._restarts_to_come -= 1
            waiting, self.homeless = self.homeless, []
            for request in waiting:
                request.submitted_s = self.env.now
                self._route(request)

        Alarm(self.env, go_down).set(failure.at_s)
        if failure.restart_s is not None:
            Alarm(self.env, come_back).set(failure.restart_s)


def _is_alone(table: RequestTable, settings: ClusterSettings) -> bool:
    """Whether one replica takes all requests, and need not know of them before its step ends."""
    if sum(pool.replicas for pool in settings.pools) > 1 or settings.failures:
        return False
    limits = settings.pools[0].limits
    looks_up = limits.admission or limits.lower_tiers
    return table.follows is None and not looks_up


def _check(table: RequestTable, settings: ClusterSettings) -> None:
    """Refuse what cannot be simulated.

    Raises:
        InputError: says what.
    """
    pools = settings.pools
    if not len(table):
        raise InputError("there are no requests to serve", field="workload")
    if min(table.input_tokens.min(), table.output_tokens.min()) < 1:
        raise InputError("every request needs at least one token in and out", field="workload")
    if not (table.arrival_s >= 0).all():
        raise InputError("arrival times must be finite and not negative", field="workload")
    if any(pool.limits.kv_blocks < 1 for pool in pools):
        raise InputError(
            "the KV cache has no blocks", field="deployment", remedy="give it more memory"
        )
    roles = {pool.role for pool in pools}
    if ("prefill" in roles) != ("decode" in roles):
        raise InputError("prefill and decode replicas need each other", field="deployment")
    if "prefill" in roles and settings.transfer is None:
        raise InputError("prefill and decode replicas need a link", field="deployment")
    for pool in pools:
        _check_lengths(table, [other.limits for other in pools if other.role == pool.role], pool)
    count = sum(pool.replicas for pool in pools)
    for failure in settings.failures:
        if not 0 <= failure.replica < count:
            raise InputError(
                f"replica {failure.replica} does not exist", field=_FAILURES,
                remedy=f"there are replicas 0 to {count - 1}" if count > 1 else "there is one, 0",
            )  # fmt: skip
        if failure.restart_s is not None and failure.restart_s <= failure.at_s:
            raise InputError("a restart must come after the failure", field=_FAILURES)


def _check_lengths(table: RequestTable, limits: list[EngineLimits], pool: Pool) -> None:
    """Refuse a workload of which no replica of a role could ever serve anything.

    Raises:
        InputError: says which lengths are too long for what.
    """
    who = "a replica" if pool.role == "both" else f"a {pool.role} replica"
    lengths = table.input_tokens
    if pool.role != "prefill":
        lengths = lengths + table.output_tokens
    shortest, most = int(lengths.min()), max(own.longest_request for own in limits)
    if shortest > most:
        raise InputError(
            f"every request is longer ({shortest} tokens or more) than the {most} that {who} "
            "can hold",
            field="workload",
            remedy="shorten the requests, or give the cache more memory (precision, tp)",
        )
    shortest, most = int(table.input_tokens.min()), max(own.longest_prompt for own in limits)
    if shortest > most:
        raise InputError(
            f"every prompt is longer ({shortest} tokens or more) than the {most} that a step of "
            f"{who} takes, and its engine does not spread prompts over steps",
            field="max_batched_tokens",
            remedy=f"max_batched_tokens of {shortest} or more, or chunked_prefill true",
        )
