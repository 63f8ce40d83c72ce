"""Queries over tiers: what one costs, which tier serves it, and whether the budget is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.economics.tiers import paths, seen, within
from simulator.planning.bill.servers import Priced
from simulator.specs.bill import Routing


@dataclass(frozen=True, slots=True)
class TierRow:
    """One tier under the first month's traffic.

    Args:
        first: share of all queries that are sent here first.
        seen: share of all queries that come here, at once or from the tier below.
        answered: share of all queries that end here.
        usd_per_query: of a query that comes here, this tier alone.
        usd: of the month.
    """

    name: str
    server: str
    origin: str
    first: float
    seen: float
    answered: float
    usd_per_query: float
    usd: float


@dataclass(frozen=True, slots=True)
class Routed:
    """A router under the first month's traffic.

    Args:
        tiers: in the order in which queries climb.
        usd_per_query: of a mean query, all tiers that it went through paid.
        dearest_usd_per_query: of a query that climbs from the first tier to the last that any does.
        budget_usd_per_query: what a query may cost; None where nothing is said of it.
        keeps_budget: whether the mean query does.
        within_budget: share of queries that do, each for itself.
        usd: of each month.
    """

    tiers: tuple[TierRow, ...]
    usd_per_query: float
    dearest_usd_per_query: float
    budget_usd_per_query: float | None
    keeps_budget: bool | None
    within_budget: float | None
    usd: tuple[float, ...]


def routed(plan: Routing, servers: Sequence[Priced], requests: Sequence[float]) -> Routed:
    """What ``plan`` comes to, with a server for each tier and a forecast of requests a month."""
    shares = [tier.share for tier in plan.tiers]
    onwards = [tier.escalates for tier in plan.tiers]
    comes = seen(shares, onwards)
    rows = []
    for tier, server, share in zip(plan.tiers, servers, comes, strict=True):
        volume = requests[0] * share
        usd = server.curve.usd(volume) if volume else 0.0
        answered = share * (1.0 - tier.escalates)
        of_each = usd / volume if volume else 0.0
        rows.append(
            TierRow(
                tier.name, server.title, server.origin, tier.share, share, answered, of_each, usd
            )
        )
    ways, of_tiers = paths(shares, onwards), [row.usd_per_query for row in rows]
    mean = sum(row.usd for row in rows) / requests[0]
    budget = plan.budget_usd_per_query
    return Routed(
        tuple(rows),
        mean,
        max(way.usd(of_tiers) for way in ways),
        budget,
        None if budget is None else mean <= budget,
        None if budget is None else within(ways, of_tiers, budget),
        tuple(_month(servers, comes, volume) for volume in requests),
    )


def _month(servers: Sequence[Priced], comes: Sequence[float], requests: float) -> float:
    return sum(
        server.curve.usd(requests * share)
        for server, share in zip(servers, comes, strict=True)
        if share
    )
