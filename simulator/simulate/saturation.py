"""The most load that a machine takes within its objectives, and what it does then.

The machine is first given all requests at once: what it answers while others wait is all that it
can. With objectives the load is then halved in between, by ratios, until it is known within
``PRECISION``: a load is within them where ``Objectives.attainment`` of requests are. The same
requests come every time, only closer together; users of a closed loop become more or fewer.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from simulator.serving.cluster import ClusterSettings, Outcome, serve
from simulator.serving.outcome.metrics import Limits, ServingMetrics, within
from simulator.serving.traffic.request import RequestTable
from simulator.simulate.accounts import facts_when_full, measured
from simulator.simulate.cluster import Cluster
from simulator.simulate.figure import Known
from simulator.simulate.replica import capacity_batch
from simulator.simulate.traffic import cluster_settings, requests_of
from simulator.specs.scenario import Scenario
from simulator.specs.workload import Synthetic, users_of
from simulator.units import percent, seconds

PRECISION = 1.05
"""Factor between the most load within the objectives and the least beyond them."""

MOST_RUNS = 10
"""Simulations of one search."""

FEWEST_REQUESTS, MOST_REQUESTS = 300, 3000
"""Requests of one of them; about ``DEPTH`` times as many as run at once."""

DEPTH = 3

LIGHTEST = 1 / 256
"""Of all that a machine can: a load below which objectives that it misses are out of its reach."""

_WARM = 0.2
"""Share of requests at the start that find a machine which is not full yet."""


@dataclass(frozen=True, slots=True)
class Saturation:
    """What a machine does at the most load that it takes.

    Args:
        requests_per_s: that load.
        users: of a closed loop, at that load.
        known: what figures follow from, as of any load: rates, watts, dollars, shares.
        words: within which objectives, and what that rests on.
    """

    requests_per_s: float
    users: int | None
    known: Known
    words: str


@dataclass(frozen=True, slots=True)
class _Load:
    """One load that was tried."""

    size: float
    table: RequestTable
    outcome: Outcome
    metrics: ServingMetrics
    attained: float


def saturation(scenario: Scenario, cluster: Cluster) -> Saturation | None:
    """The most load within the objectives of ``scenario``; None where no load is within them.

    ``scenario`` is of traffic that comes to ``cluster``, see ``whole_or_sample``.

    Raises:
        InputError: as ``simulate`` does.
    """
    wanted = scenario.objectives
    limits = Limits(wanted.ttft, wanted.tpot, wanted.e2e)
    at = _closed if users_of(scenario.workload) is not None else _open
    try_load, most = at(scenario, cluster, limits)
    if not limits.any:
        return _found(scenario, cluster, most, "without objectives, as none are given")
    best = most if most.attained >= wanted.attainment else None
    low, high = most.size * LIGHTEST, most.size
    runs = 1
    while best is not most and runs < MOST_RUNS and high > low * PRECISION:
        # Nothing is known below until a load has been within the objectives.
        middle = sqrt(low * high) if best is not None else max(low, high / 4)
        if best is None and middle == low:
            high = low
        tried = try_load(middle)
        runs += 1
        if tried.attained >= wanted.attainment:
            best, low = tried, tried.size
        else:
            high = min(high, tried.size)
    if best is None:
        return None
    share = percent(wanted.attainment)
    return _found(
        scenario, cluster, best, f"within {objective_words(limits)} for {share} of requests"
    )


def objective_words(limits: Limits) -> str:
    """Objectives in words: ``TTFT ≤ 500 ms, TPOT ≤ 30 ms``."""
    named = (("TTFT", limits.ttft_s), ("TPOT", limits.tpot_s), ("end to end", limits.e2e_s))
    return ", ".join(f"{name} ≤ {seconds(limit)}" for name, limit in named if limit is not None)


_Try = Callable[[float], _Load]


def _open(scenario: Scenario, cluster: Cluster, limits: Limits) -> tuple[_Try, _Load]:
    """Loads of requests that come by themselves, by requests a second."""
    table = _enough(scenario, cluster)
    settings = cluster_settings(scenario, cluster)
    span_s = float(np.ptp(table.arrival_s)) or 1.0
    rate = len(table) / span_s

    def tried(size: float) -> _Load:
        return _tried(scenario, cluster, limits, _squeezed(table, rate / size), settings, size)

    all_at_once = _tried(scenario, cluster, limits, _squeezed(table, 0.0), settings, 0.0)
    _, per_s = _steady(all_at_once, cluster)
    return tried, replace(all_at_once, size=per_s)


def _squeezed(table: RequestTable, factor: float) -> RequestTable:
    first_s = table.arrival_s.min(initial=0.0)
    return replace(table, arrival_s=(table.arrival_s - first_s) * factor)


def _closed(scenario: Scenario, cluster: Cluster, limits: Limits) -> tuple[_Try, _Load]:
    """Loads of users who each wait for their answer, by the number of users."""
    table = _enough(scenario, cluster)
    settings = cluster_settings(scenario, cluster)

    def tried(size: float) -> _Load:
        users = max(1, round(size))
        return _tried(
            scenario, cluster, limits, table, replace(settings, users=users), float(users)
        )

    return tried, tried(_held(cluster, table))


def _tried(
    scenario: Scenario,
    cluster: Cluster,
    limits: Limits,
    table: RequestTable,
    settings: ClusterSettings,
    size: float,
) -> _Load:
    outcome = serve(table, settings)
    metrics = measured(scenario, cluster, outcome)
    records = outcome.records
    late = np.argsort(records.arrival_s, kind="stable")[int(_WARM * len(table)) :]
    counted = within(records, limits)[late]
    attained = float(counted.mean()) if counted.size else 0.0
    return _Load(size, table, outcome, metrics, attained)


def _enough(scenario: Scenario, cluster: Cluster) -> RequestTable:
    """Requests enough to fill the machine several times; of a trace, as many as it has."""
    workload = scenario.workload
    table = requests_of(workload, cluster)
    needed = int(np.clip(DEPTH * _held(cluster, table), FEWEST_REQUESTS, MOST_REQUESTS))
    if len(table) >= needed:
        return table.first(needed)
    if isinstance(workload, Synthetic):
        return requests_of(workload.model_copy(update={"requests": needed}), cluster)
    return table


def _held(cluster: Cluster, table: RequestTable) -> int:
    """Requests of mean length that run at once."""
    replica = cluster.answers
    mean = ceil(float(np.mean(table.input_tokens)) + float(np.mean(table.output_tokens)))
    room = int(capacity_batch(replica, np.array(float(mean))))
    return max(1, min(room, replica.limits.max_sequences)) * cluster.pools[-1].replicas


def _steady(load: _Load, cluster: Cluster) -> tuple[float, float]:
    """Watts, and requests a second, while the machine is as full as it becomes.

    From when the first fifth is answered until nobody waits any more, or nobody comes.
    """
    records, metrics = load.outcome.records, load.metrics
    if not metrics.finished:
        return metrics.power_w, 0.0
    ends_s = np.sort(records.finished_s[records.finished])
    begins_s = float(ends_s[int(_WARM * len(ends_s))])
    series = load.outcome.timeline.series()
    time_s = series["time_s"]
    inside = (time_s > begins_s) & (time_s < float(np.nanmax(records.started_s)))
    outputs = float(series["output_tokens"][inside].sum())
    if not outputs:
        return metrics.power_w, metrics.requests_per_s
    lasted_s = 2.0 * float(time_s[0]) * int(inside.sum())
    idle_w = [p.replica.device.power.idle_w for p in cluster.pools for _ in range(p.replicas)]

    def drawn_j(where: NDArray[np.bool_], of_s: float) -> float:
        busy_s, energy_j = (float(series[name][where].sum()) for name in ("busy_s", "energy_j"))
        return energy_j + float(np.mean(idle_w)) * max(len(idle_w) * of_s - busy_s, 0.0)

    part = drawn_j(inside, lasted_s) / drawn_j(time_s > 0.0, metrics.makespan_s)
    mean = metrics.output_tokens / metrics.finished
    return metrics.energy_j * part / lasted_s, outputs / lasted_s / mean


def _found(scenario: Scenario, cluster: Cluster, load: _Load, said: str) -> Saturation:
    power_w, per_s = _steady(load, cluster)
    users = users_of(scenario.workload)
    if users is None:
        per_s = load.size
    known = facts_when_full(scenario, cluster, load.outcome, load.metrics, per_s, power_w)
    return Saturation(per_s, None if users is None else round(load.size), known, said)
