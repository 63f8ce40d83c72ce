"""``roofsim sweep``: one scenario at every point of a space, resumable, here or on a cluster."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.question import Asked, asks
from simulator.errors import InputError

if TYPE_CHECKING:
    from simulator.planning.space import Space
    from simulator.specs.scenario import Scenario


@asks()
def sweep(
    asked: Asked,
    scenario: opt.ScenarioName = None,
    over: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUES",
            help="A field and its values, as often as needed: tp=1,2,4 is a list, "
            "workload.rate=1..64:log:7 seven values, and 1..64:log any, for --sample.",
        ),
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD:COUNT[:SEED]",
            help="Draw points in place of the grid: sobol:256, or lhs:200 (Latin hypercube).",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o",
            help="SQLite file that keeps the rows, and goes on from those it has; "
            "out/NAME-sweep.sqlite unless --json is given.",
        ),
    ] = None,
    backend: Annotated[
        str, typer.Option(help="Where rows are answered: local, dask or ray.")
    ] = "local",
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Of dask's scheduler, or of ray's head."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Local processes; -1 uses every core.")] = -1,
    as_json: opt.Json = False,
) -> None:  # fmt: skip
    """Ask one scenario with every combination of some fields' values, row by row.

    A sweep that was interrupted goes on where it stopped when the same command is given again.
    Without SCENARIO it asks what predict asks.
    """
    from simulator.cli.pace import PaceReport
    from simulator.planning.space import axes_from_texts, sample_from_text, space_of
    from simulator.planning.sweep import fill, kept, rows_of
    from simulator.planning.workers.backends import crew_of

    drawn = None if sample is None else sample_from_text(sample)
    space = space_of(axes_from_texts(over or []), drawn)
    wanted = _base(asked, scenario, space)
    file = out or (None if as_json else Path("out") / f"{wanted.name}-sweep.sqlite")
    with kept(wanted, space, file) as results:
        try:
            with (
                crew_of(backend, workers=workers, scheduler=scheduler) as crew,
                PaceReport("rows") as progress,
            ):
                counts = fill(results, wanted, space, crew, progress)
        except KeyboardInterrupt:
            if file is not None:
                print(
                    f"roofsim: stopped; {len(results.answered()):,} rows are in {file}, and the "
                    "same command goes on from there",
                    file=sys.stderr,
                )
            raise
        if as_json:
            rows = list(rows_of(results, wanted, space))
            opt.print_json({"scenario": wanted.name, "fields": list(space.paths), "rows": rows})
        else:
            from simulator.cli.show_sweep import show_sweep

            show_sweep(counts, space, rows_of(results, wanted, space))
    if counts.failed:
        print(
            f"roofsim: {counts.failed:,} of {counts.rows:,} rows have no answer; see their error",
            file=sys.stderr,
        )
    if file is not None:
        print(f"rows: {file}", file=sys.stderr)


def _base(asked: Asked, name: str | None, space: "Space") -> "Scenario":
    """The scenario that the points change.

    Raises:
        InputError: see ``Asked.scenario``; or a flag sets what is swept.
    """
    for change in asked.changes:
        if change.path in space.paths:
            raise InputError(
                f"has no effect: {change.path} is swept",
                file=change.written,
                remedy="leave it out, or leave out its --over",
            )
    first = next(space.points())
    named = {change.path.split(".")[0] for change in (*first, *asked.all_changes)}
    if name is None and asked.launch is None and {"hardware", "model"} <= named:
        # What every point names the scenario need not; the first one's stands in for it.
        whole = tuple(change for change in first if change.path in ("hardware", "model"))
        return replace(asked, changes=(*whole, *asked.changes)).point()
    return asked.scenario(name)
