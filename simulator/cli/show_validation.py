"""Printing errors of predictions for people."""

import math
from collections.abc import Sequence

from rich.console import Console

from simulator.cli.console import console
from simulator.report.tables import Column, table
from simulator.units import humane, percent, significant
from simulator.validation.account import Account
from simulator.validation.calibrate.run import Calibrated
from simulator.validation.calibrate.server import FittedServer
from simulator.validation.score import Group, Sample
from simulator.validation.validate import Validation

_HEADINGS = ("rows", "mean", "median", "p90", "weighted", "bias", "in 80 % interval")


def show_validation(found: Validation) -> None:
    """Overall errors first, then by device, the two harder questions, and every group."""
    screen = console()
    for account in found.accounts:
        _account(screen, account)
    screen.print(f"[dim]{found.split}[/dim]\n")
    if found.theirs:
        _lines(screen, found.samples)
        for note in found.notes:
            screen.print(f"[dim]note: {note}[/dim]")
    _section(screen, "All devices", found.overall, ("phase", "quantity"))
    _section(screen, "By device", found.devices, ("hardware", "phase"))
    _section(
        screen, "By how the device is known", found.standings, ("hardware", "phase", "quantity")
    )
    _section(screen, "Served, asked by flags alone", found.plain, ("model", "quantity"))
    _section(
        screen,
        "A device nobody measured (its class's defaults alone)",
        found.without_device,
        ("hardware", "phase"),
    )
    _section(
        screen,
        "A model the calibration never saw",
        found.without_model,
        ("model", "phase"),
    )
    _section(
        screen,
        "By device, model and phase",
        found.groups,
        ("hardware", "model", "phase", "quantity"),
    )


def _account(screen: Console, account: Account) -> None:
    """What became of a file's rows, and why those that were not asked were not."""
    screen.print(
        f"{account.file}: {account.rows:,} rows = {account.scored:,} scored + "
        f"{account.fitted:,} set aside for calibrations + {account.refused_rows:,} refused"
    )
    for reason, rows in account.refused[:_MOST_REASONS]:
        screen.print(f"[dim]  {rows:,} refused: {reason}[/dim]")
    others = account.refused[_MOST_REASONS:]
    if others:
        rows = sum(rows for _, rows in others)
        screen.print(
            f"[dim]  {rows:,} refused for {len(others):,} other reasons (--json has them)[/dim]"
        )


_MOST_REASONS = 12


def _lines(screen: Console, samples: Sequence[Sample]) -> None:
    """A line for every row: what was asked, measured and predicted."""
    right = ("measured", "predicted", "error", "in 80 % interval")
    columns = [
        *(Column(name) for name in ("hardware", "model")),
        Column("asked", wrap=True),
        Column("quantity"),
        *(Column(name, "right") for name in right),
    ]
    rows = [
        (
            sample.hardware,
            sample.model,
            sample.asked,
            sample.quantity,
            significant(sample.measured),
            significant(sample.predicted),
            f"{sample.predicted / sample.measured - 1:+.0%}",
            "yes" if sample.is_inside else "no",
        )
        for sample in samples
    ]
    screen.print(table(columns, rows))


def show_fit(found: Calibrated) -> None:
    """Errors of a fit on rows it has not seen, before and after, on stderr."""
    screen = console(stderr=True)
    screen.print(f"fitted {found.fitted_rows} rows; errors on rows that were not fitted:")
    names = ("what", "quantity")
    headings = ("rows", "mean before", "after", "median before", "after", "in 80 % interval")
    columns = [*(Column(name) for name in names), *(Column(name, "right") for name in headings)]
    before = {(group.phase, group.quantity): group for group in found.before}
    rows = []
    for new in found.after:
        old = before.get((new.phase, new.quantity))
        mean, median = (None, None) if old is None else (old.mean_error, old.median_error)
        coverage = None if math.isnan(new.coverage) else new.coverage
        errors = (mean, new.mean_error, median, new.median_error, coverage)
        rows.append((new.phase, new.quantity, new.rows, *map(percent, errors)))
    screen.print(table(columns, rows))
    for row, reason in found.refused[:_MOST_REFUSED]:
        screen.print(f"[dim]not used: {row}: {reason}[/dim]")


def show_server(found: FittedServer) -> None:
    """A server's overheads before and after, and every run as a fit to the others has it."""
    screen = console(stderr=True)
    screen.print(f"fitted {found.runs} runs of {found.engine} on {found.hardware}:")
    names = [Column("overhead"), Column("before", "right"), Column("after", "right")]
    overheads = [
        (name, humane(was, "s"), humane(is_now, "s"))
        for name, (was, is_now) in found.overheads.items()
    ]
    screen.print(table(names, overheads))
    right = ("measured", "before", "error", "left out", "error")
    columns = [
        Column("run", wrap=True), Column("quantity"), *(Column(name, "right") for name in right)
    ]  # fmt: skip
    rows = [
        (
            row.asked,
            row.quantity,
            significant(row.measured),
            significant(row.before),
            f"{row.before / row.measured - 1:+.0%}",
            significant(row.left_out),
            f"{row.left_out / row.measured - 1:+.0%}",
        )
        for row in found.rows
    ]
    screen.print("each run as it is, and by a fit to the others (left out):")
    screen.print(table(columns, rows))
    for old, new in zip(found.before, found.after, strict=True):
        screen.print(
            f"{new.quantity}: mean error {percent(old.mean_error)} before, "
            f"{percent(new.mean_error)} on runs that were left out"
        )
    if not found.helps:
        screen.print(
            "[yellow]no overhead explains these errors: unseen runs err no less than before, so "
            "keep the engine's own profile[/yellow]"
        )
    for run, reason in found.refused[:_MOST_REFUSED]:
        screen.print(f"[dim]not used: {run}: {reason}[/dim]")


_MOST_REFUSED = 3


def _section(screen: Console, title: str, groups: Sequence[Group], names: tuple[str, ...]) -> None:
    if not groups:
        return
    # What a table timed beside its kernels is looked for in the table; no prediction knows it.
    is_conditioned = any(group.bare_error is not None for group in groups)
    headings = (*_HEADINGS, "mean as predict has it") if is_conditioned else _HEADINGS
    columns = [*(Column(name) for name in names), *(Column(name, "right") for name in headings)]
    rows = [
        (
            *(getattr(group, name) for name in names),
            group.rows,
            percent(group.mean_error),
            percent(group.median_error),
            percent(group.p90_error),
            percent(group.weighted_error),
            f"× {significant(group.bias)}",
            percent(group.coverage),
            *(_bare(group),) * is_conditioned,
        )
        for group in groups
    ]
    screen.print(table(columns, rows, title=title))
    screen.print()


def _bare(group: Group) -> str:
    return percent(group.mean_error if group.bare_error is None else group.bare_error)
