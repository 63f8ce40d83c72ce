"""``roofsim sensitivity``: which inputs move a figure most, as a table and a tornado."""

import sys
from typing import Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.question import Asked, asks


@asks()
def sensitivity(
    asked: Asked,
    scenario: opt.ScenarioName = None,
    *,
    figure: Annotated[
        str, typer.Option("--figure", help="The figure, by its name in docs/figures.md.")
    ] = "usd_per_million_tokens",
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="FIELD[=RANGE]",
            help="What is varied, as often as needed: economics.usd_per_kwh=±20%, "
            "hardware.memory.main.bandwidth='3 TB/s..5 TB/s', or a field alone for its own "
            "interval. Without any: price, chip, traffic and lengths.",
        ),
    ] = None,
    out: opt.ChartFolder = None,
    as_json: opt.Json = False,
    workers: Annotated[int, typer.Option(help="Processes; -1 uses every core.")] = -1,
) -> None:
    """Vary inputs one by one, and rank them by how far they move a figure.

    Without a scenario the flags describe a point, as of predict.
    """
    from simulator.planning.sensitivity import sensitivity as sensitivity_of
    from simulator.planning.sensitivity_report import FILES, write_sensitivity

    is_point = scenario is None and asked.launch is None
    question = asked.point() if is_point else asked.scenario(scenario)
    with opt.report_folder(out, FILES):
        with opt.progress_bar("answers", quiet=as_json) as progress:
            found = sensitivity_of(
                question, figure, inputs or (), workers=workers, progress=progress
            )
        if out is not None:
            for path in write_sensitivity(found, out):
                print(path, file=sys.stderr)
    if as_json:
        opt.print_json(found.to_dict())
        return
    from simulator.cli.show_sensitivity import show

    show(found)
