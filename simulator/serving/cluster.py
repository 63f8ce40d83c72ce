"""Replicas behind a router, fed by an open stream of requests or by users in a closed loop."""

from collections.abc import Callable
from dataclasses import dataclass

import simpy

from simulator.serving.engine import UNBOUNDED, Engine, EngineLimits
from simulator.serving.policies import Composition, Ordering, Router
from simulator.serving.request import UNFINISHED, Counters, Records, Request, RequestTable
from simulator.serving.step_clock import StepClock
from simulator.serving.timeline import Timeline


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """What all replicas have in common, how many there are, and who asks.

    ``users`` makes the loop closed: each user sends its next request ``think_s`` after the last
    was answered; without it requests come at their own times.
    """

    limits: EngineLimits
    ordering: Ordering
    composition: Composition
    router: Router
    replicas: int = 1
    users: int | None = None
    think_s: float = 0.0
    steps_per_event: int = UNBOUNDED


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a simulation leaves behind."""

    records: Records
    counters: tuple[Counters, ...]
    timeline: Timeline
    makespan_s: float


def serve(
    table: RequestTable,
    clock: StepClock,
    settings: ClusterSettings,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Serve every request of ``table``; returns when all are answered or rejected.

    ``progress`` is called with the number of ended requests about a hundred times.
    """
    env = simpy.Environment()
    records = Records.empty(table)
    timeline = Timeline()
    ended = 0
    report_every = max(1, len(table) // 100)
    upcoming = iter(range(len(table)))
    engines: list[Engine] = []
    routed = 0

    def done(request: Request, finished_s: float, status: int) -> None:
        nonlocal ended
        records.write(request, finished_s, status)
        ended += 1
        if progress is not None and ended % report_every == 0:
            progress(ended)
        if settings.users is not None:
            next_s = max(0.0, finished_s - env.now) + settings.think_s
            env.timeout(next_s).callbacks.append(send_next)

    def send(index: int) -> None:
        nonlocal routed
        request = Request(
            index, env.now, int(table.input_tokens[index]), int(table.output_tokens[index])
        )
        if len(engines) > 1:
            loads = [engine.unfinished for engine in engines]
            request.replica = settings.router(request, loads, routed)
        routed += 1
        engines[request.replica].submit(request)

    def send_next(_event: simpy.Event) -> None:
        index = next(upcoming, None)
        if index is not None:
            send(index)

    engines.extend(
        Engine(
            env,
            clock,
            settings.limits,
            settings.ordering,
            settings.composition,
            done,
            timeline,
            settings.steps_per_event,
        )
        for _ in range(settings.replicas)
    )
    if settings.users is None:
        env.process(_open_stream(env, table, send))
    else:
        for _ in range(min(settings.users, len(table))):
            env.timeout(0).callbacks.append(send_next)
    env.run()
    assert ended == len(table), "a request was lost"
    assert not (records.status == UNFINISHED).any()
    return Outcome(records, tuple(e.counters for e in engines), timeline, float(env.now))


def _open_stream(
    env: simpy.Environment, table: RequestTable, send: Callable[[int], None]
) -> "simpy.events.ProcessGenerator":
    for index, at_s in enumerate(table.arrival_s.tolist()):
        wait_s = at_s - env.now
        if wait_s > 0:
            yield env.timeout(wait_s)
        send(index)
