"""Printing errors of predictions for people."""

from collections.abc import Sequence

from rich.console import Console

from simulator.cli.console import PIPED_WIDTH, console
from simulator.report.tables import Column, table
from simulator.units import percent, significant
from simulator.validation.score import Group
from simulator.validation.validate import Validation

_HEADINGS = ("rows", "mean", "median", "p90", "weighted", "bias", "in 80 % interval")


def show_validation(found: Validation) -> None:
    """Overall errors first, then by device, the two harder questions, and every group."""
    screen = console()
    for file in found.files:
        screen.print(f"[dim]{file}[/dim]")
    screen.print(f"{found.rows} rows scored, {found.fitted_rows} left for calibration")
    screen.print(f"[dim]split: {found.split}[/dim]\n")
    _section(screen, "All devices", found.overall, ("phase", "quantity"))
    _section(screen, "By device", found.devices, ("hardware", "phase"))
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
    for reason, rows in found.refused:
        screen.print(f"[dim]{rows} rows not predicted: {reason}[/dim]")


def show_groups(groups: Sequence[Group], stderr: bool = False) -> None:
    """Groups as one table."""
    screen = Console(stderr=stderr, width=None if stderr else PIPED_WIDTH, highlight=False)
    _section(screen, "", groups, ("hardware", "phase", "quantity"))


def _section(screen: Console, title: str, groups: Sequence[Group], names: tuple[str, ...]) -> None:
    if not groups:
        return
    columns = [*(Column(name) for name in names), *(Column(name, "right") for name in _HEADINGS)]
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
        )
        for group in groups
    ]
    screen.print(table(columns, rows, title=title))
    screen.print()
