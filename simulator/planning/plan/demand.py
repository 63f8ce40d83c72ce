"""What is asked of a fleet: how many requests come a second, how long, and how unevenly."""

from dataclasses import dataclass

import numpy as np

from simulator.planning.bound.lengths import Lengths
from simulator.serving.traffic.request import NO_ROW, RequestTable
from simulator.specs.scenario import Objectives, Scenario
from simulator.specs.workload import users_of


@dataclass(frozen=True)
class Demand:
    """The traffic of a plan at its peak, and what it promises.

    Args:
        lengths: of the requests.
        per_s: requests a second over the whole fleet; of a closed loop, unknown.
        users: of a closed loop, over the whole fleet; else None.
        gaps_cv2: squared variation of the gaps between arrivals.
        objectives: what is promised, and to which share of requests.
    """

    lengths: Lengths
    per_s: float
    users: int | None
    gaps_cv2: float
    objectives: Objectives

    @property
    def tail(self) -> float:
        """Share of requests to which nothing is promised."""
        return max(1.0 - float(self.objectives.attainment), 1e-4)


def demand_of(scenario: Scenario, table: RequestTable, *, reuses: bool) -> Demand:
    """The demand of a scenario that asks ``table``; with ``reuses`` a cache spares prefixes."""
    # Later turns of a conversation come at times of their own, as many as there are of each.
    leads = np.ones(len(table), bool) if table.follows is None else table.follows == NO_ROW
    arrivals = np.sort(table.arrival_s[leads])
    gaps = np.diff(arrivals)
    span = float(arrivals[-1] - arrivals[0])
    turns = len(table) / max(arrivals.size, 1)
    steady = gaps.size > 1 and gaps.mean() > 0
    return Demand(
        lengths=Lengths.of(table, reuses=reuses),
        per_s=turns * gaps.size / span if span > 0 else 0.0,
        users=users_of(scenario.workload),
        gaps_cv2=float(gaps.var() / gaps.mean() ** 2) if steady else 1.0,
        objectives=scenario.objectives,
    )
