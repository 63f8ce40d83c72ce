"""From a scenario to its plan: bound all candidates, simulate the cheapest, keep the best."""

import math
from collections import Counter
from collections.abc import Callable, Sequence

from simulator.errors import InputError
from simulator.planning.plan.candidates import Refused, candidates
from simulator.planning.plan.changes import changes
from simulator.planning.plan.confirmed import Confirmed, Failed, confirmed
from simulator.planning.plan.demand import Demand, demand_of
from simulator.planning.plan.draws import TRAFFIC_SIGMA, sureness
from simulator.planning.plan.floor import floor_of
from simulator.planning.plan.front import front
from simulator.planning.plan.ranking import (
    COSTS,
    TOO_SLOW,
    Ranked,
    most_devices,
    over_limits,
    ranked,
)
from simulator.planning.plan.result import PlanResult
from simulator.serving.traffic.request import RequestTable
from simulator.simulate.load import at_load
from simulator.simulate.representative import Sample
from simulator.simulate.serving_point import requests_of_point
from simulator.simulate.traffic import read_requests
from simulator.specs.plan import Plan
from simulator.specs.scenario import Scenario
from simulator.specs.workload import ServingPoint
from simulator.units import humane, money, percent, seconds

Progress = Callable[[int, int], None]

MOST_IN_FRONT = 200
"""Systems, the cheapest ones, whose throughput is drawn against the pace of an answer."""

_FAMILIES = 2
"""Of so much hardware something is simulated, however much cheaper the first: a runner-up."""

SLACK = 0.1
"""A system whose bound is no more than so much cheaper than the best cannot be cheaper than it by
more: the bound's own error, which is printed beside every plan."""


def plan(scenario: Scenario, progress: Progress | None = None) -> PlanResult:
    """The system of least cost that keeps the objectives of ``scenario`` for its traffic.

    Every candidate is sized by the bound. Then they are simulated, cheapest first, until what
    remains cannot be cheaper by more than the bound may be wrong, or ``plan.finalists`` are.

    Raises:
        InputError: traffic or objectives that make no plan, or that no system keeps; names what
            removed how many, and the nearest that can be reached.
    """
    asked = with_requests(_at_peak(scenario))
    settings = asked.plan
    every = candidates(asked, needs_price=settings.least == "usd")
    table, told = read_requests(asked.workload)
    demand = demand_of(asked, table, reuses=asked.deployment.prefix_caching is not False)
    if demand.users is None and demand.per_s <= 0:
        raise InputError(
            "all requests come at once, which is no rate to plan for",
            field="workload",
            remedy="give more of them, at times of their own, or users of a closed loop",
        )
    considered, refused = ranked(every, demand, settings)
    if not considered:
        raise _none_left(refused, demand)
    found, failed = _simulated(considered, asked, table, progress)
    if not found:
        raise _none_kept(failed)
    found.sort(key=lambda one: (one.cost(settings.least), one.devices))
    simulated = len(found) + len(failed)
    return PlanResult(
        scenario=asked,
        demand=demand,
        found=tuple(found),
        failed=tuple(failed),
        considered=tuple(considered),
        refused=tuple(refused),
        floor=floor_of(found[0].ranked.candidate.replica, demand),
        changes=changes(considered, demand, settings),
        sureness=sureness(found, demand, settings) if settings.least == "usd" else None,
        front=front(considered[:MOST_IN_FRONT], demand),
        notes=(
            *asked.notes,
            *told,
            *found[0].ranked.candidate.replica.notes,
            *_told(asked, considered, simulated),
        ),
    )


def _at_peak(scenario: Scenario) -> Scenario:
    settings = scenario.plan
    factor = settings.peak_to_mean / (1.0 - settings.headroom)
    if factor == 1.0:
        return scenario
    return scenario.model_copy(update={"workload": at_load(scenario.workload, factor)})


def with_requests(scenario: Scenario) -> Scenario:
    """A point of a benchmark as the requests that it draws; other traffic as it is."""
    workload = scenario.workload
    if scenario.is_step:
        raise InputError(
            f"a {workload.kind} step is no traffic to plan for",
            field="workload.kind",
            remedy="give a workload of requests: synthetic, trace or serve",
        )
    if isinstance(workload, ServingPoint):
        drawn = requests_of_point(workload, Sample(1, 1.0))
        return scenario.model_copy(update={"workload": drawn})
    return scenario


def _simulated(
    considered: Sequence[Ranked],
    scenario: Scenario,
    table: RequestTable,
    progress: Progress | None,
) -> tuple[list[Confirmed], list[Failed]]:
    """The finalists, simulated: cheapest first, until the others cannot be much cheaper."""
    settings = scenario.plan
    found: list[Confirmed] = []
    failed: list[Failed] = []
    for one in _order(considered, settings.finalists):
        least = min((c.cost(settings.least) for c in found), default=math.inf)
        is_dearer = COSTS[settings.least](one) * (1.0 - SLACK) > least
        if is_dearer and _is_known(one, found):
            continue
        tried = confirmed(one, scenario, table, _most(one, settings))
        if isinstance(tried, Failed):
            failed.append(tried)
        elif (reason := _over(tried, settings)) is not None:
            failed.append(Failed(one, tried.served, tried.replicas, reason))
        else:
            found.append(tried)
        if progress is not None:
            progress(len(found) + len(failed), min(settings.finalists, len(considered)))
    return found, failed


def _is_known(one: Ranked, found: Sequence[Confirmed]) -> bool:
    """Whether a dearer system need not be simulated: there is a runner-up of other hardware."""
    families = {c.ranked.candidate.family for c in found}
    return one.candidate.family in families or len(families) >= _FAMILIES


def _order(considered: Sequence[Ranked], finalists: int) -> list[Ranked]:
    """Those to simulate: the cheapest of each hardware first, then the rest, all by their bound.

    So a plan can say how far behind other hardware is, however many variants one has.
    """
    firsts: dict[str, Ranked] = {}
    for one in considered:
        firsts.setdefault(one.candidate.family, one)
    leading = list(firsts.values())[: max(1, finalists // 2)]
    rest = [one for one in considered if one not in leading]
    chosen = [*leading, *rest][:finalists]
    place = {id(one): i for i, one in enumerate(considered)}
    return sorted(chosen, key=lambda one: place[id(one)])


def _most(one: Ranked, settings: Plan) -> int:
    """Serving replicas of a candidate that the plan's limits on devices leave."""
    return most_devices(one.candidate, settings) // one.candidate.devices - settings.spare


def _over(tried: Confirmed, settings: Plan) -> str | None:
    """Which limit a simulated system breaks that its bound kept."""
    if settings.max_usd_per_month is not None and tried.usd_per_month > settings.max_usd_per_month:
        return f"{money(tried.usd_per_month)} a month are over the budget"
    if settings.max_watts is not None and tried.watts > settings.max_watts:
        return f"{humane(tried.watts, 'W')} are more than there is"
    return over_limits(tried.ranked.candidate, tried.devices)


def _told(scenario: Scenario, considered: Sequence[Ranked], simulated: int) -> list[str]:
    told = []
    if scenario.objectives == scenario.objectives.model_copy(
        update={"ttft": None, "tpot": None, "e2e": None}
    ):
        told.append("no objectives are given: a system is kept where its queue does not grow")
    if scenario.plan.least == "usd":
        told.append(f"the forecast of the traffic is taken to be off by {percent(TRAFFIC_SIGMA)}")
    left = len(considered) - simulated
    if left:
        told.append(f"{left:,} further systems were bounded and not simulated")
    return told


def _counted(refused: Sequence[Refused]) -> str:
    """Reasons and how many candidates each removed, the most frequent first."""
    counts = Counter(one.kind for one in refused)
    return "; ".join(f"{count:,} {kind}" for kind, count in counts.most_common())


def _none_left(refused: Sequence[Refused], demand: Demand) -> InputError:
    wanted, near = demand.objectives, ""
    # What an overloaded system reaches says nothing of what it could.
    slow = [one for one in refused if one.kind == TOO_SLOW]
    ttft_s = min((one.ttft_s for one in slow if one.ttft_s is not None), default=None)
    tpot_s = min((one.tpot_s for one in slow if one.tpot_s is not None), default=None)
    if ttft_s is not None and wanted.ttft is not None:
        near += f"; the earliest first tokens come within {seconds(ttft_s)}"
    if tpot_s is not None and wanted.tpot is not None:
        near += f"; the fastest answers take {seconds(tpot_s)} a token"
    return InputError(
        f"no system is left of {len(refused):,}: {_counted(refused)}{near}",
        field="plan",
        remedy="allow more time or money, or more hardware and formats to choose from",
    )


def _none_kept(failed: Sequence[Failed]) -> InputError:
    best = max(failed, key=lambda one: one.best.share)
    return InputError(
        f"none of {len(failed)} simulated systems keeps the objectives; the nearest, "
        f"{best.ranked.candidate.words}, keeps them for {percent(best.best.share)} of requests "
        f"with {best.replicas} replicas",
        field="objectives",
        remedy="allow more time, or raise plan.finalists, max_devices or the budget",
    )
