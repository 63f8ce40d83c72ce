"""Queries that climb over tiers: who sees them, who answers them, and what each costs."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Path:
    """Queries that enter at one tier and are answered at another, by their places in the order."""

    first: int
    last: int
    share: float

    def usd(self, of_tiers: Sequence[float]) -> float:
        """What such a query costs: every tier that it goes through is paid."""
        return sum(of_tiers[self.first : self.last + 1])


def seen(shares: Sequence[float], escalates: Sequence[float]) -> list[float]:
    """The share of all queries that comes to each tier, at once or from the one below.

    >>> seen([0.75, 0.25], [0.5, 0.0])
    [0.75, 0.625]
    """
    found: list[float] = []
    passed_on = 0.0
    for share, onwards in zip(shares, escalates, strict=True):
        found.append(share + passed_on)
        passed_on = found[-1] * onwards
    return found


def paths(shares: Sequence[float], escalates: Sequence[float]) -> list[Path]:
    """Every way that a query can take, with its share of all queries; shares sum to one."""
    found = []
    for first, share in enumerate(shares):
        left = share
        for last in range(first, len(shares)):
            answered = left * (1.0 - escalates[last])
            if answered:
                found.append(Path(first, last, answered))
            left *= escalates[last]
    return found


def within(ways: Sequence[Path], of_tiers: Sequence[float], budget_usd: float) -> float:
    """Share of queries that cost no more than the budget, tiers that passed them on included."""
    return sum(way.share for way in ways if way.usd(of_tiers) <= budget_usd)
