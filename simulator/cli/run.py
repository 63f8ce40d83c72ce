"""``roofsim run``: simulate a scenario, print a summary, write the report."""

import sys
from typing import Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.question import Asked, asks


@asks()
def run(
    asked: Asked,
    scenario: opt.ScenarioName,
    out: opt.Out = None,
    as_json: opt.Json = False,
    sources: Annotated[
        bool, typer.Option("--sources", help="Print where the numbers are from.")
    ] = False,
) -> None:
    """Simulate a scenario, print a summary, and write charts and a report."""
    from simulator.simulate.run import simulate

    wanted = asked.scenario(scenario)
    folder = opt.report_folder(out, wanted.name, as_json)
    with opt.progress_bar("requests", quiet=as_json) as progress:
        result = simulate(wanted, progress)
    if folder is not None:
        from simulator.report.write import write_report

        write_report(result, folder)
    if as_json:
        opt.print_json(result.to_dict())
        return
    from simulator.cli.console import console
    from simulator.report.tables import summary

    screen = console()
    screen.print(summary(result))
    if sources:
        screen.print("\n[bold]Sources[/bold]")
        for source in result.sources:
            screen.print(f"  {source}")
    if folder is not None:
        print(f"report: {folder / 'report.html'}", file=sys.stderr)
