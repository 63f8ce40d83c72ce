"""Printing predictions for people, and tables of them for programs."""

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

if TYPE_CHECKING:
    from simulator.planning.context_cost import ContextCost
    from simulator.planning.power_caps import PowerCaps
    from simulator.roofline.step.report import OperatorReport
    from simulator.simulate.prediction import Prediction


def show_prediction(answer: "Prediction") -> None:
    """One prediction as aligned lines with its 80 % intervals.

    The tables of other commands come from a library that takes longer to import than this
    takes to answer.
    """
    from simulator.report.measures import interval

    title = f"{answer.model} {answer.precision} on {answer.devices} × {answer.hardware}"
    typer.echo(f"{typer.style(title, bold=True)}, {answer.engine}, {answer.phase}")
    rows = [("", "", "80 % interval")]
    rows += [
        (figure.label, figure.show(answer.figures[figure.key]), interval(answer, figure.key))
        for figure in answer.shown
        if answer.figures.get(figure.key) is not None and not figure.prose
    ]
    left, middle, right = (max(map(len, column)) for column in zip(*rows, strict=True))
    for label, number, between in rows:
        line = f"{label:{left}}   {number:>{middle}}   "
        typer.echo(line + typer.style(f"{between:>{right}}", dim=True))
    if answer.price_origin is not None:
        typer.echo(typer.style(f"price: {answer.price_origin}", dim=True))
    for note in answer.notes:
        typer.echo(typer.style(f"note: {note}", dim=True))


def show_operators(report: "list[OperatorReport]") -> None:
    """Every operator of one step: time, what binds it, share of the speed of light, source."""
    from simulator.cli.console import console
    from simulator.report.tables import Column, table
    from simulator.units import humane, percent

    cited = list(dict.fromkeys(row.source for row in report))
    rows = [
        (
            row.name,
            row.bound,
            row.count,
            humane(row.time_s, "s"),
            percent(row.share),
            "–" if (near := row.share_of_speed_of_light) is None else percent(near),
            f"[{cited.index(row.source) + 1}]",
        )
        for row in report
    ]
    right = ("runs", "time", "share", "of the roof", "source")
    columns = [Column("operator"), Column("bound by"), *(Column(name, "right") for name in right)]
    screen = console()
    screen.print(table(columns, rows))
    for number, source in enumerate(cited, start=1):
        screen.print(f"[dim]\\[{number}] {source}[/dim]")


def show_context(found: "ContextCost") -> None:
    """Attention of one decoded token against context, and where models cost the same."""
    from simulator.cli.console import console
    from simulator.report.tables import Column, table
    from simulator.units import humane

    chosen = range(0, len(found.contexts), 2)
    columns = [Column("attention of a decoded token")]
    columns += [Column(_tokens(found.contexts[i]), "right") for i in chosen]
    rows = [
        (curve.title, *(humane(float(curve.sequence_s[i]), "s") for i in chosen))
        for curve in found.curves
    ]
    screen = console()
    screen.print(f"[bold]{found.title}[/bold], one sequence")
    screen.print(table(columns, rows))
    for cross in found.crossovers:
        if cross.quantity == "sequence_s":
            screen.print(
                f"above {_tokens(cross.context)} tokens {cross.cheaper_above} is cheaper than "
                f"{cross.cheaper_below}"
            )


def show_power_caps(found: "PowerCaps") -> None:
    """A row for each cap, the one of least joules a token marked."""
    from simulator.cli.console import console
    from simulator.report.tables import Column, table
    from simulator.units import humane, percent, significant

    rows = [
        (
            humane(float(found.caps_w[i]), "W"),
            humane(float(found.power_w[i]), "W"),
            percent(float(found.clock[i])),
            significant(float(found.tokens_per_s[i])),
            percent(float(found.tokens_per_s[i] / found.tokens_per_s[0])),
            humane(float(found.joules_per_token[i]), "J"),
            "least energy" if i == found.best else "" if found.is_kept[i] else "not kept",
        )
        for i in range(len(found.caps_w))
    ]
    names = ("cap a device", "draws", "clock", "tokens/s", "of the first", "a token")
    screen = console()
    screen.print(f"[bold]{found.title}[/bold]")
    screen.print(table([*(Column(name, "right") for name in names), Column("")], rows))
    if found.caps_w[0] > found.limit_w:
        limit = humane(found.limit_w, "W")
        screen.print(
            f"[dim]the device itself holds {limit}: a cap above that changes nothing[/dim]"
        )


def _tokens(count: float) -> str:
    return f"{count / 2**20:.3g} M" if count >= 2**20 else f"{count / 1024:.3g} k"


@contextmanager
def table_file(out: Path | None) -> Iterator[TextIO]:
    """Where a table goes that is computed meanwhile: to ``out`` (all or nothing), or to stdout.

    Raises:
        InputError: ``out`` cannot be written, or another run is about to.
    """
    if out is None:
        yield sys.stdout
        return
    from simulator.files.locks import reserved
    from simulator.files.whole_file import whole_file

    with reserved(out), whole_file(out, "out") as file:
        yield file


def write_csv(header: list[str], rows: Iterator[dict[str, Any]], file: TextIO) -> None:
    """Write rows as CSV."""
    from simulator.simulate.answer import csv_cell

    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([csv_cell(row.get(name)) for name in header] for row in rows)
