"""From one server to another: what both cost meanwhile, and when the change has paid for itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.planning.bill.mix import SECONDS_PER_MONTH
from simulator.planning.bill.servers import Priced
from simulator.specs.bill import Migration


@dataclass(frozen=True, slots=True)
class Moved:
    """A migration over the months of a bill.

    Args:
        before, after: the two servers.
        usd_before, usd_after: what the month in which it begins costs by either alone.
        staying: dollars of each month without it.
        moving: dollars of each month with it, its work in the month in which it begins.
        overlap_usd: what the old server costs while both are paid for.
        saved_usd: over all months, the migration paid; less than nothing is a loss.
        paid_back_s: from its end until it has paid for itself, going on as in the last month;
            None where it never does.
        affordable_usd: what its work may cost to be paid back in the time that is asked for; None
            where none is asked.
    """

    before: str
    after: str
    usd_before: float
    usd_after: float
    staying: tuple[float, ...]
    moving: tuple[float, ...]
    overlap_usd: float
    saved_usd: float
    paid_back_s: float | None
    affordable_usd: float | None


def moved(plan: Migration, before: Priced, after: Priced, requests: Sequence[float]) -> Moved:
    """What ``plan`` comes to under a forecast of requests a month."""
    old = [before.curve.usd(volume) for volume in requests]
    new = [after.curve.usd(volume) for volume in requests]
    begins, takes = plan.begins - 1.0, plan.takes / SECONDS_PER_MONTH
    moving, overlaps = [], []
    for month in range(len(requests)):
        both = _shared(month, begins, begins + takes)
        done = 1.0 - _shared(month, 0.0, begins) - both
        overlap = plan.overlap * both * old[month]
        overlaps.append(overlap)
        work = plan.usd if month == plan.begins - 1 else 0.0
        unmoved = 1.0 - both - done
        moving.append(unmoved * old[month] + overlap + (both + done) * new[month] + work)
    first = min(plan.begins, len(requests)) - 1
    overlap_usd = _between(begins, begins + takes, [plan.overlap * usd for usd in old])
    # While both run, the new one is paid and of the old one the overlap: that has to come back.
    meanwhile = _between(begins, begins + takes, _minus(old, new)) - overlap_usd
    gains = _minus(old, new)
    target = None if plan.payback is None else plan.payback / SECONDS_PER_MONTH
    ends = begins + takes
    return Moved(
        before.title,
        after.title,
        old[first],
        new[first],
        tuple(old),
        tuple(moving),
        overlap_usd,
        sum(old) - sum(moving),
        _paid_back_s(plan.usd - meanwhile, ends, gains),
        None if target is None else meanwhile + _between(ends, ends + target, gains),
    )


def _minus(one: Sequence[float], other: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(one, other, strict=True)]


def _shared(month: int, first: float, last: float) -> float:
    """The part of a month that lies between two times in months."""
    return max(0.0, min(month + 1.0, last) - max(float(month), first))


def _between(first: float, last: float, monthly: Sequence[float]) -> float:
    """What accrues between two times; after the last month it goes on as in that."""
    within = sum(_shared(m, first, last) * usd for m, usd in enumerate(monthly))
    beyond = max(0.0, last - max(first, float(len(monthly))))
    return within + beyond * monthly[-1]


def _paid_back_s(owed: float, begins: float, gains: Sequence[float]) -> float | None:
    """How long gains take to bring in what is owed, from a time on."""
    if owed <= 0:
        return 0.0
    at = begins
    while at < len(gains):
        month = int(at)
        left = month + 1.0 - at
        if gains[month] * left >= owed and gains[month] > 0:
            return (at + owed / gains[month] - begins) * SECONDS_PER_MONTH
        owed -= gains[month] * left
        at = month + 1.0
    if gains[-1] <= 0:
        return None
    return (at + owed / gains[-1] - begins) * SECONDS_PER_MONTH
