"""Writing a simulation as a Chrome trace that Perfetto and chrome://tracing open.

One process a replica: a track of engine events (a run of decode steps is one slice), counters
beside it, and the requests as asynchronous slices, which may overlap.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from simulator.serving.outcome.records import Records
from simulator.serving.outcome.timeline import StepEvent

_MICRO = 1e6
_ENGINE_TRACK = 1


def write_perfetto(file: TextIO, events: Iterable[StepEvent], records: Records) -> None:
    """Write the trace; needs a simulation whose events were kept."""
    file.write('{"displayTimeUnit":"ms","traceEvents":[\n')
    for number, event in enumerate(trace_events(events, records)):
        file.write(("" if number == 0 else ",\n") + json.dumps(event, separators=(",", ":")))
    file.write("\n]}\n")


def trace_events(events: Iterable[StepEvent], records: Records) -> Iterator[dict[str, Any]]:
    """The trace's events one by one: names, steps with counters, then requests."""
    named: set[int] = set()
    for event in events:
        replica = event[0]
        if replica not in named:
            named.add(replica)
            yield _name(replica, "process_name", f"replica {replica} (simulated)")
            yield _name(replica, "thread_name", "engine steps", _ENGINE_TRACK)
        yield from _step(event)
    yield from _requests(records)


def _name(replica: int, kind: str, name: str, track: int = 0) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": replica, "tid": track, "args": {"name": name}}


def _step(event: StepEvent) -> Iterator[dict[str, Any]]:
    (replica, start_s, time_s, steps, decoding, _, prompts, energy_j, running, waiting,
        blocks) = event  # fmt: skip
    if not prompts:
        name = f"decode B={decoding}" + (f" × {steps}" if steps > 1 else "")
    else:
        name = f"mixed B={decoding}+{prompts}" if steps else f"prefill {prompts}"
    start = start_s * _MICRO
    yield {
        "ph": "X",
        "name": name,
        "cat": "step",
        "pid": replica,
        "tid": _ENGINE_TRACK,
        "ts": start,
        "dur": time_s * _MICRO,
        "args": {
            "steps": max(steps, 1),
            "batch": decoding if steps else 0,
            "prefill_tokens": prompts,
            "joules": energy_j,
        },
    }
    for counter, value in (
        ("requests", {"running": running, "waiting": waiting}),
        ("kv blocks", {"held": blocks}),
        ("power", {"watts": energy_j / time_s if time_s else 0.0}),
    ):
        yield {"ph": "C", "name": counter, "pid": replica, "tid": 0, "ts": start, "args": value}


def _requests(records: Records) -> Iterator[dict[str, Any]]:
    """Each request as nested asynchronous slices: waiting, prompt, answer."""
    columns = zip(
        records.replica.tolist(),
        records.arrival_s.tolist(),
        records.started_s.tolist(),
        records.first_token_s.tolist(),
        records.finished_s.tolist(),
        records.finished.tolist(),
        strict=True,
    )
    for number, (replica, arrival, started, first, finished, done) in enumerate(columns):
        if not done:
            continue
        for name, begin, end in (
            (f"request {number}", arrival, finished),
            ("queue", arrival, started),
            ("prefill", started, first),
            ("decode", first, finished),
        ):
            common = {"name": name, "cat": "request", "id": number, "pid": replica, "tid": 0}
            yield {"ph": "b", "ts": begin * _MICRO, **common}
            yield {"ph": "e", "ts": end * _MICRO, **common}
