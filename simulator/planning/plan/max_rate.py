"""How much one system takes: the most load within its objectives, and what it does on the way."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from simulator.errors import InputError
from simulator.planning.bound.limit import saturation as most_by_bound
from simulator.planning.bound.loaded import loaded
from simulator.planning.bound.pace import pace_of
from simulator.planning.plan.demand import demand_of
from simulator.planning.plan.search import with_requests
from simulator.simulate.cluster import resolve
from simulator.simulate.saturation import saturation
from simulator.simulate.traffic import read_requests
from simulator.specs.scenario import Scenario

_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class Load:
    """One load of the whole system, by the bound."""

    share: float
    requests_per_s: float
    ttft_s: float
    ttft_high_s: float
    tpot_s: float
    tpot_high_s: float


@dataclass(frozen=True)
class MaxRate:
    """What a system takes.

    Args:
        scenario: the system, and what is asked of it.
        requests_per_s: the most within the objectives, simulated.
        words: within which objectives.
        unbounded_per_s: the most at which queues stay finite, by the bound.
        curve: loads on the way there.
    """

    scenario: Scenario
    requests_per_s: float
    words: str
    unbounded_per_s: float
    curve: tuple[Load, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "scenario": self.scenario.name,
            "max_requests_per_s": self.requests_per_s,
            "within": self.words,
            "bound_requests_per_s": self.unbounded_per_s,
            "curve": [asdict(load) for load in self.curve],
        }


def max_rate(scenario: Scenario) -> MaxRate:
    """The most load of the scenario's own system, with nothing to choose.

    Raises:
        InputError: no traffic, pools (which the bound does not know), or objectives that no load
            keeps.
    """
    asked = with_requests(scenario)
    if asked.deployment.pools:
        raise InputError(
            "the bound knows no pools for prompts and answers", field="deployment.prefill",
            remedy="read the most load of pools from roofsim run, which simulates it",
        )  # fmt: skip
    cluster = resolve(asked)
    table, _ = read_requests(asked.workload)
    found = saturation(asked, cluster)
    if found is None:
        raise InputError(
            "no load is within the objectives", field="objectives",
            remedy="allow more time, or take a faster system: roofsim plan",
        )  # fmt: skip
    demand = demand_of(asked, table, reuses=asked.deployment.prefix_caching is not False)
    pace = pace_of(cluster.answers, demand.lengths)
    each = most_by_bound(pace)
    loads = loaded(pace, each * np.array(_SHARES), tail=demand.tail)
    curve = tuple(
        Load(share, share * each * cluster.replicas, *map(float, row))
        for share, *row in zip(
            _SHARES, loads.ttft_s, loads.ttft_high_s, loads.tpot_s, loads.tpot_high_s, strict=True
        )
    )
    return MaxRate(asked, found.requests_per_s, found.words, each * cluster.replicas, curve)
