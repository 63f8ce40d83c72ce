"""Printing a bill for people."""

from collections.abc import Mapping, Sequence

from rich.text import Text

from simulator.cli.console import console
from simulator.planning.bill.answer import BillAnswer
from simulator.planning.bill.migration import Moved
from simulator.planning.bill.months import Month
from simulator.planning.bill.routed import Routed
from simulator.planning.bill.sampled import Against
from simulator.report.tables import Column, table
from simulator.units import humane, money, percent, seconds, significant


def show(found: BillAnswer) -> None:
    """Title, months, where the money goes, and everything that the bill is set against."""
    screen = console()
    screen.print(Text(found.title, style="bold"))
    kind = "" if found.simulated else "  (plain arithmetic, nothing is simulated)"
    screen.print(f"{found.server}{kind}")
    screen.print(Text(found.origin, style="dim"))
    screen.print()
    _months(found.months)
    _where(found)
    _compared(found)
    if found.migration is not None:
        _migration(found.migration)
    if found.routing is not None:
        _routing(found.routing)
    if found.sampling is not None:
        _sampling(found.sampling)
    for note in found.notes:
        screen.print(Text(f"· {note}", style="dim"))


def _months(months: Sequence[Month]) -> None:
    first = months[0]
    names = list(first.against)
    has_requests, has_fleet = first.requests is not None, first.devices is not None
    columns = [Column("month", "right")]
    columns += [Column("requests", "right")] if has_requests else []
    columns.append(Column("tokens", "right"))
    columns += [Column("replicas", "right"), Column("devices", "right")] if has_fleet else []
    columns += [Column("in use", "right")] if has_fleet else []
    columns += [Column("bill", "right"), Column("$ per M\ntokens", "right")]
    columns += [Column(name, "right", wrap=True) for name in names]
    columns += [] if first.revenue is None else [Column("margin", "right")]
    console().print(table(columns, [_month(month, names) for month in months]))
    console().print()


def _month(month: Month, names: Sequence[str]) -> tuple[object, ...]:
    fleet = () if month.devices is None else (
        month.replicas, month.devices, percent(month.utilisation, 2)
    )  # fmt: skip
    return (
        month.number,
        *(() if month.requests is None else (humane(month.requests),)),
        humane(month.tokens),
        *fleet,
        money(month.usd),
        money(month.usd_per_million_tokens),
        *(money(month.against[name]) for name in names),
        *(() if month.revenue is None else (percent(month.margin),)),
    )


def _where(found: BillAnswer) -> None:
    count = len(found.months)
    columns = [Column(f"over {count} months" if count > 1 else "in the month")]
    columns += [Column("$", "right"), Column("share", "right")]
    _shares(columns, found.parts, found.usd)
    if found.capacity_requests_per_s is not None:
        console().print(
            f"A replica serves {significant(found.capacity_requests_per_s)} requests/s at best "
            "within the objectives."
        )
    if found.reasons:
        columns[0] = Column("paid for")
        _shares(columns, found.reasons, found.usd)


def _shares(columns: Sequence[Column], parts: Mapping[str, float], usd: float) -> None:
    rows = [
        (name, money(part), percent(part / usd if usd else 0.0)) for name, part in parts.items()
    ]
    if len(rows) > 1:
        rows.append(("together", money(usd), ""))
    console().print(table(columns, rows))
    console().print()


def _compared(found: BillAnswer) -> None:
    if not found.compared:
        return
    columns = [Column("against"), Column("", wrap=True), Column("$", "right")]
    columns += [Column("the bill\nsaves", "right"), Column("same cost at\ntokens a month", "right")]
    has_fleet = found.months[0].devices is not None
    columns += [Column("or in use", "right"), Column("or tokens/s\na device", "right")] * has_fleet
    rows = []
    for row in found.compared:
        meeting = "never" if row.break_even_tokens is None else humane(row.break_even_tokens)
        use = row.break_even_utilisation
        needed = row.needed_tokens_per_s_per_device
        more = ("–" if use is None else percent(use), significant(needed)) if has_fleet else ()
        rows.append((row.name, row.server, money(row.usd), money(row.saves_usd), meeting, *more))
    screen = console()
    screen.print(table(columns, rows))
    for row in found.compared:
        if row.origin != "as given":
            screen.print(Text(f"{row.name}: {row.origin}", style="dim"))
    screen.print()
    if found.changed:
        _changed(found)


def _changed(found: BillAnswer) -> None:
    columns = [Column("if prices\nchange by"), Column("")]
    columns += [
        Column(name, "right")
        for name in (
            "the bill,\nif its own do",
            "and that,\nif its do",
            "same cost at\ntokens a month",
        )
    ]
    rows = [
        (
            f"{100 * row.change:+g} %" if first else "",
            name,
            money(row.usd) if first else "",
            money(usd),
            "never" if row.break_even_tokens[name] is None else humane(row.break_even_tokens[name]),
        )
        for row in found.changed
        for first, (name, usd) in zip(
            (True, *(False,) * len(row.against)), row.against.items(), strict=False
        )
    ]
    console().print(table(columns, rows))
    console().print()


def _migration(found: Moved) -> None:
    columns = [Column("migration"), Column("", wrap=True)]
    back = "never" if found.paid_back_s is None else f"{seconds_in_days(found.paid_back_s)} after"
    rows: list[tuple[object, ...]] = [
        ("before", f"{money(found.usd_before)} a month: {found.before}"),
        ("after", f"{money(found.usd_after)} a month: {found.after}"),
        ("paying the old one meanwhile", money(found.overlap_usd)),
        (
            "over all months",
            f"{money(sum(found.moving))} in place of {money(sum(found.staying))}: "
            f"saves {money(found.saved_usd)}",
        ),
        ("paid back", "at its end" if found.paid_back_s == 0 else back),
    ]
    if found.affordable_usd is not None:
        rows.append(("its work may cost, to be paid back in time", money(found.affordable_usd)))
    console().print(table(columns, rows))
    console().print()


def seconds_in_days(value_s: float) -> str:
    """Days where there are some, else hours and less."""
    return f"{significant(value_s / 86400)} days" if value_s >= 86400 else seconds(value_s)


def _routing(found: Routed) -> None:
    columns = [Column("tier"), Column("", wrap=True), Column("sent here\nfirst", "right")]
    columns += [
        Column(name, "right") for name in ("comes here", "ends here", "$ a query", "$ a month")
    ]
    rows: list[tuple[object, ...]] = [
        (
            row.name, row.server, percent(row.first), percent(row.seen), percent(row.answered),
            money(row.usd_per_query), money(row.usd),
        )
        for row in found.tiers
    ]  # fmt: skip
    usd = sum(row.usd for row in found.tiers)
    rows.append(("all", "a mean query", "", "", "", money(found.usd_per_query), money(usd)))
    screen = console()
    screen.print(table(columns, rows))
    if found.budget_usd_per_query is not None:
        kept = "kept" if found.keeps_budget else "not kept"
        screen.print(
            f"The budget of {money(found.budget_usd_per_query)} a query is {kept} by the mean "
            f"query; {percent(found.within_budget)} of all keep it each for itself, and the "
            f"dearest costs {money(found.dearest_usd_per_query)}."
        )
    screen.print()


def _sampling(found: Against) -> None:
    columns = [Column(""), Column("", wrap=True)]
    columns += [
        Column(name, "right")
        for name in (
            "samples",
            "prompt",
            "answers",
            "judge",
            "$ a query",
            "solved",
            "$ a solved\nquery",
        )
    ]
    rows = [
        (
            name, row.server, row.samples, money(row.usd_of_prompt), money(row.usd_of_samples),
            money(row.usd_of_judge), money(row.usd_per_query), percent(row.solved),
            money(row.usd_per_solved),
        )
        for name, row in (("small", found.small), ("large", found.large))
    ]  # fmt: skip
    screen = console()
    screen.print(table(columns, rows))
    for name, row in (("small", found.small), ("large", found.large)):
        screen.print(Text(f"{name}: solved as {row.law}", style="dim"))
    if found.samples_at_equal_cost is not None:
        screen.print(
            f"A query costs the same by either at {significant(found.samples_at_equal_cost)} "
            "samples of the small model."
        )
    screen.print()
