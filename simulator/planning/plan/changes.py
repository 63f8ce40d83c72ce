"""What a change of a tenth would do to a plan, by the bound: of traffic, of objectives."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simulator.planning.plan.demand import Demand
from simulator.planning.plan.ranking import COSTS, Ranked, placed
from simulator.specs.plan import Plan

_LOOKED_AT = 60
"""Of the cheapest candidates, so many are sized anew; those behind them do not become the best."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One change, and what the bound makes of it.

    Args:
        words: what is changed.
        cost: of the best system then, over that of the best before; None where none is left.
        family: the hardware of the best then.
        replicas: of the best then.
    """

    words: str
    cost: float | None
    family: str
    replicas: int


def changes(considered: Sequence[Ranked], demand: Demand, plan: Plan) -> tuple[Changed, ...]:
    """Traffic up and down by a tenth, objectives tighter and looser by a tenth."""
    near = considered[:_LOOKED_AT]
    cost = COSTS[plan.least]
    base = cost(near[0])
    found = []
    for words, changed in (
        ("traffic +10 %", _with_traffic(demand, 1.1)),
        ("traffic −10 %", _with_traffic(demand, 0.9)),
        ("objectives 10 % tighter", _with_objectives(demand, 0.9)),
        ("objectives 10 % looser", _with_objectives(demand, 1.1)),
    ):
        left = [
            r
            for one in near
            if isinstance(r := placed(one.candidate, one.pace, changed, plan), Ranked)
        ]
        if not left:
            found.append(Changed(words, None, "", 0))
            continue
        best = min(left, key=cost)
        found.append(
            Changed(
                words, cost(best) / base if base else None, best.candidate.family, best.replicas
            )
        )
    return tuple(found)


def _with_traffic(demand: Demand, factor: float) -> Demand:
    users = None if demand.users is None else max(1, round(demand.users * factor))
    return replace(demand, per_s=demand.per_s * factor, users=users)


def _with_objectives(demand: Demand, factor: float) -> Demand:
    wanted = demand.objectives
    limits = {
        name: None if (limit := getattr(wanted, name)) is None else limit * factor
        for name in ("ttft", "tpot", "e2e")
    }
    return replace(demand, objectives=wanted.model_copy(update=limits))
