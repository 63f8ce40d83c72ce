"""Printing a ranking of inputs for people."""

from rich.text import Text

from simulator.cli.console import console
from simulator.planning.sensitivity import Sensitivity
from simulator.planning.sensitivity_report import end_in_words
from simulator.report.tables import Column, table
from simulator.simulate.figures import FIGURE
from simulator.units import percent


def show(found: Sensitivity) -> None:
    """The figure, and a row for each input with the figure at both ends of its range."""
    figure, screen = FIGURE[found.figure], console()
    screen.print(Text(found.title, style="bold"))
    words = f"{figure.label}: {figure.show(found.value)}"
    screen.print(words if not figure.per else f"{words} {figure.per}")
    screen.print()
    columns = [Column("input"), Column("from", "right"), Column("to", "right"), Column("range")]
    columns += [
        Column(name, "right") for name in ("at the low\nend", "at the high\nend", "moves by")
    ]
    rows = [
        (
            swing.path,
            end_in_words(swing.low),
            end_in_words(swing.high),
            swing.range,
            figure.show(swing.at_low),
            figure.show(swing.at_high),
            percent(swing.swing / abs(found.value)) if found.value else figure.show(swing.swing),
        )
        for swing in found.swings
        if swing.has_effect
    ]
    screen.print(table(columns, rows))
    for note in found.notes:
        screen.print(Text(f"· {note}", style="dim"))
