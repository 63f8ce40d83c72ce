"""What ``roofsim plan`` prints: the system to take, those behind it, and why."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from simulator.planning.plan.confirmed import Confirmed
from simulator.planning.plan.result import PlanResult
from simulator.report.tables import Column, table
from simulator.units import humane, money, percent, seconds, significant


def shown(found: PlanResult) -> RenderableType:
    """The whole answer for a terminal."""
    parts: list[RenderableType] = [Text(_headline(found.best), style="bold"), Text()]
    parts += [Text(line) for line in _lines(found)]
    parts += [Text(), _systems(found), Text(), _families(found), Text(), _changes(found)]
    if found.notes:
        parts.append(Text())
        parts += [Text.assemble(("note  ", "bold yellow"), note) for note in found.notes]
    return Group(*parts)


def _headline(one: Confirmed) -> str:
    candidate = one.ranked.candidate
    layout = candidate.replica.deployment.degrees or "one device"
    spare = f" ({one.ranked.spare} of them spare)" if one.ranked.spare else ""
    price = f", {money(one.usd_per_month)} a month" if one.usd_per_month else ""
    return (
        f"{one.devices} × {candidate.family} = {one.replicas} "
        f"replica{'s' if one.replicas > 1 else ''} × {layout}{spare}{price}"
    )


def _lines(found: PlanResult) -> Iterator[str]:
    best = found.best
    metrics, sized = best.served.metrics, best.ranked.sized
    yield best.ranked.candidate.words
    users = sized.sequences * sized.replicas / (best.replicas - best.ranked.spare)
    yield (
        f"{percent(best.served.share)} of requests within the objectives: TTFT "
        f"{seconds(metrics.ttft_s.mean)} (p99 {seconds(metrics.ttft_s.p99)}), TPOT "
        f"{seconds(metrics.tpot_s.mean)} (p99 {seconds(metrics.tpot_s.p99)})"
    )
    yield (
        f"about {significant(users, 2)} sequences on each replica, {percent(found.headroom, 2)} of "
        f"what they can take is free, {humane(best.watts, 'W')}"
    )
    floor = found.floor
    by = max(("memory", "compute", "bandwidth"), key=lambda name: float(getattr(floor, name)))
    yield (
        f"no such system can do with fewer than {significant(floor.devices, 2)} devices "
        f"({by} of the data sheet alone)"
    )
    if found.sureness is not None:
        sure = found.sureness
        yield (
            f"cheapest of the simulated in {percent(sure.cheapest[0], 2)} of draws; "
            f"{money(sure.usd_low)} to {money(sure.usd_high)} a month in 80 % of them; "
            f"what would narrow it most: {sure.measure}"
        )


def _systems(found: PlanResult) -> RenderableType:
    columns = [
        Column("simulated system", wrap=True), Column("devices", "right"),
        Column("$ a month", "right"), Column("power", "right"), Column("TTFT p99", "right"),
        Column("TPOT p99", "right"), Column("kept", "right"), Column("bound said", "right"),
    ]  # fmt: skip
    rows = [
        (
            one.ranked.candidate.words,
            one.devices,
            money(one.usd_per_month) if one.usd_per_month else None,
            humane(one.watts, "W"),
            seconds(one.served.metrics.ttft_s.p99),
            seconds(one.served.metrics.tpot_s.p99),
            percent(one.served.share, 3),
            one.ranked.devices,
        )
        for one in found.found
    ]
    return table(columns, rows)


def _families(found: PlanResult) -> RenderableType:
    columns = [Column("other hardware"), Column("why not"), Column("for example", wrap=True)]
    rows = [(name, why, example) for name, (why, example) in found.families().items()]
    return table(columns, rows)


def _changes(found: PlanResult) -> RenderableType:
    columns = [Column("if"), Column("cost", "right"), Column("best hardware then")]
    rows = [
        (
            one.words,
            "none is left" if one.cost is None else f"{100 * (one.cost - 1):+.0f} %",
            one.family or None,
        )
        for one in found.changes
    ]
    return table(columns, rows)
