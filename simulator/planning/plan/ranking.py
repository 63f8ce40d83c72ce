"""Candidates in the order of what the bound says they cost, and why the others are out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from simulator.economics.owned import HOURS_PER_MONTH
from simulator.economics.site import limits_checked
from simulator.planning.bound.pace import Pace, pace_of
from simulator.planning.plan.candidates import Candidate, Refused
from simulator.planning.plan.demand import Demand
from simulator.planning.plan.sizing import Sized, Unmet, sized
from simulator.specs.parallelism import MOST_DEVICES
from simulator.specs.plan import Least, Plan
from simulator.units import humane, money

_MOST_REPLICAS = 4096

NO_POWER = "take more power than there is"
TOO_SLOW = "miss an objective however many there are"
TOO_FEW = "are too few for the traffic, as many as there may be"


@dataclass(frozen=True)
class Ranked:
    """One candidate with as many replicas as the bound says it needs, spare ones among them.

    Args:
        candidate: the system.
        pace: how fast one replica of it goes.
        sized: the replicas that serve, and what one of them does.
        spare: further ones.
    """

    candidate: Candidate
    pace: Pace
    sized: Sized
    spare: int

    @property
    def replicas(self) -> int:
        """All replicas."""
        return self.sized.replicas + self.spare

    @property
    def devices(self) -> int:
        """All devices."""
        return self.replicas * self.candidate.devices

    @property
    def usd_per_month(self) -> float:
        """Dollars a month, but for energy that is paid beside the price of the device."""
        return self.replicas * self.candidate.usd_per_hour * HOURS_PER_MONTH

    @property
    def idle_w(self) -> float:
        """Watts that the devices draw at least."""
        return self.devices * self.candidate.replica.device.power.idle_w


Cost = Callable[[Ranked], float]

COSTS: dict[Least, Cost] = {
    "usd": lambda ranked: ranked.usd_per_month,
    "devices": lambda ranked: float(ranked.devices),
    "watts": lambda ranked: ranked.idle_w,
}
"""What a plan makes small, of a candidate that is not simulated: never more than it will be."""


def ranked(
    found: Iterable[Candidate | Refused], demand: Demand, plan: Plan
) -> tuple[list[Ranked], list[Refused]]:
    """The candidates that keep the promise, cheapest first, and those that cannot."""
    kept: list[Ranked] = []
    out: list[Refused] = []
    for one in found:
        if isinstance(one, Refused):
            out.append(one)
            continue
        pace = pace_of(one.replica, demand.lengths)
        where = placed(one, pace, demand, plan)
        if isinstance(where, Refused):
            out.append(where)
        else:
            kept.append(where)
    cost = COSTS[plan.least]
    # Of equals the one with fewer devices, then in the order of their names: always the same.
    kept.sort(key=lambda r: (cost(r), r.devices, r.candidate.words))
    return kept, out


def most_devices(one: Candidate, plan: Plan) -> int:
    """Devices of a candidate that the plan's own limit and its stock leave."""
    most = plan.max_devices or MOST_DEVICES
    if plan.stock:
        most = min(most, plan.stock.get(one.replica.hardware.name, 0))
    return most


def over_limits(one: Candidate, devices: int) -> str | None:
    """Which limit of racks or of the site so many devices of a candidate break; None for none."""
    checked = limits_checked(one.replica.hardware, one.scenario.economics, devices)
    return next((each.words for each in checked if not each.fits), None)


def placed(one: Candidate, pace: Pace, demand: Demand, plan: Plan) -> Ranked | Refused:
    """A candidate with the replicas that it needs, or which limit keeps it out."""
    most = most_devices(one, plan) // one.devices - plan.spare
    if most < 1:
        fewest = one.devices * (1 + plan.spare)
        words = f"{fewest} devices are the fewest of it"
        return Refused(one.family, one.words, "take more devices than there may be", words)
    found = sized(pace, demand, min(most, _MOST_REPLICAS))
    if isinstance(found, Unmet):
        kind = TOO_FEW if found.is_load else TOO_SLOW
        return Refused(one.family, one.words, kind, found.reason, found.ttft_s, found.tpot_s)
    whole = Ranked(one, pace, found, plan.spare)
    usd, watts = whole.usd_per_month, whole.idle_w
    if plan.max_usd_per_month is not None and usd > plan.max_usd_per_month:
        words = f"{money(usd)} a month at least"
        return Refused(one.family, one.words, "are over the budget", words)
    if plan.max_watts is not None and watts > plan.max_watts:
        words = f"{humane(watts, 'W')} at least"
        return Refused(one.family, one.words, NO_POWER, words)
    if (over := over_limits(one, whole.devices)) is not None:
        return Refused(one.family, one.words, NO_POWER, over)
    return whole
