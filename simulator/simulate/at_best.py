"""What one unit of a system serves at best: the most load under which it keeps its objectives.

A unit is one replica, or a whole deployment of pools. Load is raised and lowered in simulations of
it until the most that is good and the least that is not lie within 3 % of each other.
"""

from dataclasses import dataclass

from simulator.errors import InputError
from simulator.serving.cluster import Outcome, serve
from simulator.serving.outcome.metrics import ServingMetrics
from simulator.simulate.accounts import measured
from simulator.simulate.cluster import Cluster, resolve
from simulator.simulate.load import at_load
from simulator.simulate.representative import Sample
from simulator.simulate.serving_point import requests_of_point
from simulator.simulate.traffic import cluster_settings, told_requests
from simulator.specs.scenario import Objectives, Scenario
from simulator.specs.workload import ServingPoint, users_of

_NEAR = 1.03
"""Ratio of the least bad load to the best good one at which the search ends."""

_MOST_DOUBLINGS = 24


@dataclass(frozen=True)
class AtBest:
    """One unit of a system under the most load that it serves within the objectives.

    Args:
        scenario: the unit under that load.
        cluster, outcome, metrics: what was simulated of it.
        share: of its requests, those that met every objective.
    """

    scenario: Scenario
    cluster: Cluster
    outcome: Outcome
    metrics: ServingMetrics
    share: float

    @property
    def requests_per_s(self) -> float:
        """What it serves."""
        return self.metrics.requests_per_s

    @property
    def idle_w(self) -> tuple[float, ...]:
        """What the devices of each pool draw together without work."""
        return tuple(pool.replica.device.power.idle_w * pool.devices for pool in self.cluster.pools)


def unit_of(scenario: Scenario) -> tuple[Scenario, int]:
    """One unit of a scenario under its part of the load, and how many the scenario has of it.

    Replicas that fail are not part of it: a unit is one that works.
    """
    deployment = scenario.deployment
    scheduling = deployment.scheduling.model_copy(update={"failures": ()})
    update: dict[str, object] = {"scheduling": scheduling}
    count = 1 if deployment.pools else deployment.replicas
    if count > 1:
        update |= {"replicas": 1, "devices": None}
    whole = scenario.model_copy(update={"deployment": deployment.model_copy(update=update)})
    return _under(whole, 1.0 / count), count


def at_best(scenario: Scenario, share: float = 0.9) -> AtBest:
    """The most that one unit of ``scenario`` serves while ``share`` of its requests meet all.

    Without objectives it is the most at which the queue does not grow for ever.

    Raises:
        InputError: an engine step, which is no traffic; or objectives that no load can keep.
    """
    if scenario.is_step:
        raise InputError(
            f"a {scenario.workload.kind} step is no traffic that could be served",
            field="workload.kind",
            remedy="give a workload of requests: synthetic, trace or serve",
        )
    unit, _ = unit_of(scenario)
    cluster = resolve(unit)
    factor, found = 1.0, _served(unit, cluster, 1.0)
    good, bad = (factor, None) if _is_good(found, share) else (None, factor)
    best = found
    for _ in range(_MOST_DOUBLINGS):
        if good is not None and bad is not None:
            break
        factor = factor * 2 if bad is None else factor / 2
        if _is_least(unit, factor) and good is None:
            raise _unreachable(scenario, found)
        found = _served(unit, cluster, factor)
        if _is_good(found, share):
            good, best = factor, found
        else:
            bad = factor
    if good is None:
        raise _unreachable(scenario, found)
    while bad is not None and bad / good > _NEAR:
        factor = (good * bad) ** 0.5
        if _same_users(unit, factor, good) or _same_users(unit, factor, bad):
            break
        found = _served(unit, cluster, factor)
        if _is_good(found, share):
            good, best = factor, found
        else:
            bad = factor
    return best


def _under(scenario: Scenario, factor: float) -> Scenario:
    if factor == 1.0:
        return scenario
    return scenario.model_copy(update={"workload": at_load(scenario.workload, factor)})


def _served(unit: Scenario, cluster: Cluster, factor: float) -> AtBest:
    asked = _under(unit, factor)
    workload = asked.workload
    if isinstance(workload, ServingPoint):
        workload = requests_of_point(workload, Sample(cluster.replicas, 1.0))
        asked = asked.model_copy(update={"workload": workload})
    table, _ = told_requests(workload, cluster)
    outcome = serve(table, cluster_settings(asked, cluster))
    metrics = measured(asked, cluster, outcome)
    return AtBest(asked, cluster, outcome, metrics, _share(asked, metrics))


def _share(scenario: Scenario, metrics: ServingMetrics) -> float:
    """Of the requests that came, those that met every objective."""
    met = metrics.goodput_requests_per_s
    if scenario.objectives == Objectives() or met is None:
        return metrics.finished / max(metrics.requests, 1)
    return met * metrics.makespan_s / max(metrics.requests, 1)


def _is_good(found: AtBest, share: float) -> bool:
    return found.share >= share and not found.metrics.overloaded


def _is_least(unit: Scenario, factor: float) -> bool:
    """Whether a closed loop has fewer users than one."""
    users = users_of(unit.workload)
    return users is not None and users * factor < 1


def _same_users(unit: Scenario, one: float, other: float) -> bool:
    """Whether two loads are the same number of people."""
    users = users_of(unit.workload)
    return users is not None and max(1, round(users * one)) == max(1, round(users * other))


def _unreachable(scenario: Scenario, found: AtBest) -> InputError:
    return InputError(
        f"no load is so small that {scenario.name} keeps its objectives; of the least that was "
        f"tried, {found.share:.0%} of the requests did",
        field="objectives",
        remedy="allow more time, ask for a smaller share (bill.traffic.within_objectives), or take "
        "a faster system",
    )
