"""What ``roofsim plan`` prints: the system to take, those behind it, and why."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from simulator.planning.plan.confirmed import Confirmed
from simulator.planning.plan.max_rate import MaxRate
from simulator.planning.plan.result import PlanResult
from simulator.planning.plan.step_query import StepQuery
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
        f"about {significant(users, 2)} sequences on each replica, {humane(best.watts, 'W')}; by "
        f"the bound {percent(found.headroom, 2)} of the load up to which queues stay finite is "
        f"left, but objectives fail before that"
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
    columns = [Column("if, by the bound"), Column("cost", "right"), Column("best hardware then")]
    rows = [
        (
            one.words,
            "none is left" if one.cost is None else f"{100 * (one.cost - 1):+.0f} %",
            one.family or None,
        )
        for one in found.changes
    ]
    return table(columns, rows)


def shown_rate(found: MaxRate) -> RenderableType:
    """How much one system takes, for a terminal."""
    columns = [
        Column("load"), Column("requests/s", "right"), Column("TTFT", "right"),
        Column("late TTFT", "right"), Column("TPOT", "right"), Column("late TPOT", "right"),
    ]  # fmt: skip
    rows = [
        (
            percent(load.share), significant(load.requests_per_s), seconds(load.ttft_s),
            seconds(load.ttft_high_s), seconds(load.tpot_s), seconds(load.tpot_high_s),
        )
        for load in found.curve
    ]  # fmt: skip
    return Group(
        Text(f"{significant(found.requests_per_s)} requests/s {found.words}", style="bold"),
        Text(
            f"simulated; by the bound, queues stay finite up to "
            f"{significant(found.unbounded_per_s)} requests/s, and on the way there:"
        ),
        Text(),
        table(columns, rows),
    )


def shown_steps(found: StepQuery) -> RenderableType:
    """Which devices take a step within the limits, for a terminal; the nearest where none does."""
    kept = found.kept
    if kept:
        able = len(kept) + len(found.missed)
        head = f"{len(kept)} of {able} devices that can run it keep the limits"
    elif found.missed:
        near = found.missed[0]
        head = (
            f"none; the nearest is {near.title}, which misses the {near.by} by × {near.missed:.2f}"
        )
    else:
        head = "none: nothing in the catalogue can run it so"
    columns = [
        Column("device"), Column("devices", "right"), Column("tokens/s", "right"),
        Column("power", "right"), Column("$/hour", "right"), Column("misses"),
    ]  # fmt: skip
    rows = [
        (
            one.title,
            one.devices,
            significant(1.0 / one.tpot_s),
            humane(one.power_w, "W"),
            None if one.usd_per_hour is None else money(one.usd_per_hour),
            f"{one.by} × {one.missed:.2f}" if one.missed > 1 else None,
        )
        for one in (*kept, *found.missed[: max(3, 12 - len(kept))])
    ]
    parts: list[RenderableType] = [Text(head, style="bold"), Text(), table(columns, rows)]
    if found.refused:
        parts += [
            Text(),
            Text(f"further devices that cannot run it so: {len(found.refused)}", style="dim"),
        ]
    return Group(*parts)
