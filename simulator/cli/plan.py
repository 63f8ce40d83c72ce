"""``roofsim plan``: the cheapest systems that keep the promise for a scenario's traffic."""

import sys
from typing import Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.question import Asked, asks


@asks("hardware")
def plan(
    asked: Asked,
    scenario: opt.ScenarioName = None,
    *,
    hardware: Annotated[
        str,
        typer.Option(
            "--hardware", "-w", help="Devices to choose from, separated by commas; auto for all."
        ),
    ] = "",
    out: opt.ChartFolder = None,
    as_json: opt.Json = False,
) -> None:
    """Find the cheapest system that keeps the objectives for the scenario's traffic.

    Everything that it may choose from and must keep to is under ``plan`` in the scenario: --set
    plan.max_usd_per_month=50000, --set plan.precision=[fp8], --set plan.spare=1, …
    """
    from simulator.planning.plan.search import plan as search
    from simulator.planning.plan.write import FILES, write_plan

    wanted = asked.choosing(hardware).scenario(scenario)
    with opt.report_folder(out, FILES):
        with opt.progress_bar("systems", quiet=as_json) as progress:
            found = search(wanted, progress)
        if out is not None:
            for path in write_plan(found, out):
                print(path, file=sys.stderr)
    if as_json:
        opt.print_json(found.to_dict())
        return
    from simulator.cli.console import console
    from simulator.cli.show_plan import shown

    console().print(shown(found))
