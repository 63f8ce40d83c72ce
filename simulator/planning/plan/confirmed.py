"""A candidate simulated under the plan's traffic: the fewest replicas that keep the promise."""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.economics.owned import HOURS_PER_MONTH
from simulator.planning.plan.ranking import Ranked
from simulator.serving.cluster import serve
from simulator.serving.outcome.metrics import ServingMetrics
from simulator.serving.traffic.request import RequestTable
from simulator.simulate.accounts import facts, measured
from simulator.simulate.bounds import check_bounded
from simulator.simulate.cluster import resolve
from simulator.simulate.figure import Known
from simulator.simulate.traffic import cluster_settings
from simulator.specs.plan import Least
from simulator.specs.scenario import Scenario
from simulator.units import percent

_MOST_RUNS = 12


@dataclass(frozen=True)
class Served:
    """One simulation of a number of replicas.

    Args:
        scenario: what was simulated.
        metrics, known: what came of it.
        share: of all requests, those that kept every objective.
    """

    scenario: Scenario
    metrics: ServingMetrics
    known: Known
    share: float


@dataclass(frozen=True)
class Confirmed:
    """A system whose number of replicas is simulated.

    Args:
        ranked: what the bound said.
        served: the simulation of those that serve, without the spare ones.
        replicas: all of them, spare ones included.
        runs: simulations that it took.
    """

    ranked: Ranked
    served: Served
    replicas: int
    runs: int

    @property
    def devices(self) -> int:
        """All devices."""
        return self.replicas * self.ranked.candidate.devices

    @property
    def usd_per_month(self) -> float:
        """Dollars a month of all replicas, the spare ones without work; 0 without a price."""
        spare = self.ranked.spare * self.ranked.candidate.usd_per_hour * HOURS_PER_MONTH
        return float(self.served.known["usd_per_s"] or 0.0) * 3600.0 * HOURS_PER_MONTH + spare

    @property
    def watts(self) -> float:
        """Watts of all devices, the spare ones without work."""
        idle_w = self.ranked.candidate.replica.device.power.idle_w
        spare = self.ranked.spare * self.ranked.candidate.devices * idle_w
        return self.served.metrics.power_w + spare

    @property
    def scenario(self) -> Scenario:
        """The whole system as a scenario, spare replicas included."""
        asked = self.served.scenario
        update = {"replicas": self.replicas, "devices": None}
        return asked.model_copy(update={"deployment": asked.deployment.model_copy(update=update)})

    def cost(self, least: Least) -> float:
        """What the plan makes small."""
        if least == "devices":
            return float(self.devices)
        return self.watts if least == "watts" else self.usd_per_month


@dataclass(frozen=True)
class Failed:
    """A candidate that the bound took for possible and the simulation did not."""

    ranked: Ranked
    best: Served
    replicas: int
    reason: str


def confirmed(
    ranked: Ranked, scenario: Scenario, table: RequestTable, most: int
) -> Confirmed | Failed:
    """The fewest replicas, up to ``most``, of a candidate that keep the objectives in simulation.

    Begins with as many as the bound asks for, goes up or down by growing steps until the answer
    lies in between, and halves what is left.
    """
    runs: dict[int, Served] = {}

    def keeps(replicas: int) -> bool:
        if replicas not in runs:
            runs[replicas] = _served(ranked, scenario, table, replicas)
        return runs[replicas].share >= scenario.objectives.attainment

    bad, good = _around(keeps, min(ranked.sized.replicas, most), most)
    if good is None:
        kept = percent(runs[bad].share)
        return Failed(
            ranked, runs[bad], bad, f"{bad} replicas keep the objectives for {kept} of requests"
        )
    while good - bad > 1 and len(runs) < _MOST_RUNS:
        middle = (good + bad) // 2
        bad, good = (bad, middle) if keeps(middle) else (middle, good)
    return Confirmed(ranked, runs[good], good + ranked.spare, len(runs))


def _around(keeps: Callable[[int], bool], first: int, most: int) -> tuple[int, int | None]:
    """Most replicas known to be too few, and the fewest known to be enough; None for none."""
    step = max(1, first // 8)
    if keeps(first):
        good = first
        while good > 1:
            fewer = max(1, good - step)
            if not keeps(fewer):
                return fewer, good
            good, step = fewer, 2 * step
        return 0, good
    bad = first
    while bad < most:
        more = min(most, bad + step)
        if keeps(more):
            return bad, more
        bad, step = more, 2 * step
    return bad, None


def _served(ranked: Ranked, scenario: Scenario, table: RequestTable, replicas: int) -> Served:
    own = ranked.candidate.scenario
    deployment = own.deployment.model_copy(update={"replicas": replicas, "devices": None})
    asked = own.model_copy(update={"deployment": deployment, "workload": scenario.workload})
    cluster = resolve(asked)
    check_bounded(asked.workload, cluster, table)
    outcome = serve(table, cluster_settings(asked, cluster))
    metrics = measured(asked, cluster, outcome)
    known = facts(asked, cluster, outcome, metrics)
    kept = metrics.goodput_requests_per_s
    of_finished = 1.0 if kept is None else kept / max(metrics.requests_per_s, 1e-12)
    share = of_finished * metrics.finished / max(metrics.requests, 1)
    return Served(asked, metrics, known, 0.0 if metrics.overloaded else share)
