"""How sure a plan is: which system is cheapest when everything is drawn within its error.

Speed of each hardware, its price and the traffic are drawn together; replicas follow from speed
and traffic by the bound, scaled to what was simulated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

import numpy as np

from simulator.economics.owned import HOURS_PER_MONTH
from simulator.graph.step_shape import FloatArray, StepShape
from simulator.planning.bound.pace import Pace
from simulator.planning.plan.confirmed import Confirmed
from simulator.planning.plan.demand import Demand
from simulator.planning.plan.sizing import Sized, sized
from simulator.specs.plan import Plan

COUNT = 2048
TRAFFIC_SIGMA = 0.1
"""Relative error of a traffic forecast; an assumption, told with every answer."""
_SLOWER = np.geomspace(0.6, 1.8, 7)
_Z80 = 1.2815515655446004
_MOST_REPLICAS = 4096


@dataclass(frozen=True, slots=True)
class Sureness:
    """What draws say of a plan.

    Args:
        cheapest: share of draws in which each simulated system is the cheapest, in their order.
        usd_low, usd_high: 80 % of the draws of the best one's month lie between.
        causes: what moves that, by name: first-order and total Sobol index.
        measure: the measurement that would shrink the interval most.
    """

    cheapest: tuple[float, ...]
    usd_low: float
    usd_high: float
    causes: dict[str, tuple[float, float]]
    measure: str


def sureness(found: Sequence[Confirmed], demand: Demand, plan: Plan, seed: int = 0) -> Sureness:
    """Draw the costs of all simulated systems; the first is the plan's."""
    rng = np.random.default_rng(seed)
    names = [one.ranked.candidate.family for one in found]
    traffic = rng.standard_normal(COUNT)
    speeds = {name: rng.standard_normal(COUNT) for name in dict.fromkeys(names)}
    prices = {name: rng.standard_normal(COUNT) for name in dict.fromkeys(names)}
    of_each = [_Costs.of(one, demand, plan) for one in found]
    drawn = zip(of_each, names, strict=True)
    costs = np.array([of(traffic, speeds[name], prices[name]) for of, name in drawn])
    first = np.argmin(costs, axis=0)
    low, high = np.percentile(costs[0], (10, 90))
    causes = _causes(of_each[0], seed)
    family = names[0]
    remedies = {
        "traffic": "a measured forecast of the traffic",
        "speed": f"steps of {family} measured with this model (roofsim calibrate)",
        "price": f"a quote for {family}",
    }
    largest = max(causes, key=lambda name: causes[name][1])
    return Sureness(
        tuple(float((first == i).mean()) for i in range(len(found))),
        float(low),
        float(high),
        causes,
        remedies[largest],
    )


@dataclass(frozen=True)
class _Costs:
    """Dollars a month of one system against three standard normal numbers."""

    replicas: FloatArray
    speed_sigma: float
    price_sigma: float
    usd_per_replica: float

    @classmethod
    def of(cls, one: Confirmed, demand: Demand, plan: Plan) -> "_Costs":
        """The system's replicas at several speeds, scaled to what was simulated."""
        candidate, pace = one.ranked.candidate, one.ranked.pace
        asked = [_replicas(_slower(pace, f), demand) for f in _SLOWER]
        simulated = one.replicas - one.ranked.spare
        scaled = np.array(asked) * simulated / max(one.ranked.sized.replicas, 1) + plan.spare
        shape = StepShape.decode(
            max(1.0, one.ranked.sized.sequences), demand.lengths.decode_context
        )
        sigma = float(np.ravel(candidate.replica.step_model.evaluate(shape).relative_sigma)[0])
        price = candidate.price
        spread = 0.0
        if price is not None and price.low > 0:
            spread = log(price.high / price.low) / (2 * _Z80)
        return cls(scaled, sigma, spread, candidate.usd_per_hour * HOURS_PER_MONTH)

    def __call__(self, traffic: FloatArray, speed: FloatArray, price: FloatArray) -> FloatArray:
        """Costs; more traffic needs as many more replicas, whole ones.

        A replica that is slower by a factor takes as much less traffic, as ``replicas`` has it.
        """
        slower = np.exp(self.speed_sigma * speed)
        more = np.exp(TRAFFIC_SIGMA * traffic)
        needed = np.ceil(np.interp(slower, _SLOWER, self.replicas) * more - 1e-9)
        return np.asarray(needed * self.usd_per_replica * np.exp(self.price_sigma * price))


def _slower(pace: Pace, factor: float) -> Pace:
    return replace(pace, decode_s=pace.decode_s * factor, prompt_s=pace.prompt_s * factor)


def _replicas(pace: Pace, demand: Demand) -> float:
    found = sized(pace, demand, _MOST_REPLICAS)
    return float(found.replicas if isinstance(found, Sized) else _MOST_REPLICAS)


def _causes(costs: _Costs, seed: int) -> dict[str, tuple[float, float]]:
    """First-order and total Sobol indices of the logarithm of the cost.

    A. Saltelli and others, Variance based sensitivity analysis of model output, Computer Physics
    Communications 181 (2010), as scipy has it.
    """
    from scipy.stats import sobol_indices

    names = ("traffic", "speed", "price")
    one, other = np.random.default_rng(seed).standard_normal((2, len(names), COUNT))
    mixed = np.repeat(one[None], len(names), axis=0)
    for i in range(len(names)):
        mixed[i, i] = other[i]
    of_one, of_other = (np.log(costs(*numbers))[None] for numbers in (one, other))
    of_mixed = np.array([np.log(costs(*numbers))[None] for numbers in mixed])
    if not np.ptp(of_one):
        return dict.fromkeys(names, (0.0, 0.0))
    found = sobol_indices(func={"f_A": of_one, "f_B": of_other, "f_AB": of_mixed}, n=COUNT)
    first, total = (np.clip(np.ravel(x), 0.0, 1.0) for x in (found.first_order, found.total_order))
    return {name: (float(a), float(b)) for name, a, b in zip(names, first, total, strict=True)}
