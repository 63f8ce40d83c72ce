"""A sweep for people: how many rows there are, and the first of them."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.planning.space import Space
    from simulator.planning.sweep import Counts

_SHOWN = 20
"""Rows that a screen holds."""


def show_sweep(counts: "Counts", space: "Space", rows: Iterator[Mapping[str, Any]]) -> None:
    """The swept fields and what systems are compared by, of the first rows."""
    from simulator.cli.console import console
    from simulator.report.tables import Column, table
    from simulator.simulate.figures import HEADLINE

    units = [f"{figure.short}\n{figure.unit_words}".rstrip() for figure in HEADLINE]
    columns = [Column(path) for path in space.paths]
    columns += [Column(name, "right") for name in units] + [Column("", wrap=True)]
    lines = [
        (
            *(row[path] for path in space.paths),
            *(figure.number(row[figure.key]) for figure in HEADLINE),
            row["error"],
        )
        for row in islice(rows, _SHOWN)
    ]
    screen = console()
    screen.print(table(columns, lines))
    if counts.rows > _SHOWN:
        screen.print(f"[dim]rows beyond these: {counts.rows - _SHOWN:,}[/dim]")
    if counts.found:
        screen.print(f"[dim]{counts.found:,} of {counts.rows:,} rows were there already[/dim]")
