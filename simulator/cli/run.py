"""``roofsim run``: simulate a scenario, print a summary, write the report."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.question import Asked, asks
from simulator.errors import InputError

if TYPE_CHECKING:
    from simulator.specs.scenario import Scenario


@asks()
def run(
    asked: Asked,
    scenario: opt.ScenarioName = None,
    out: opt.Out = None,
    as_json: opt.Json = False,
    sources: Annotated[
        bool, typer.Option("--sources", help="Print where the numbers are from.")
    ] = False,
    explain: opt.Explain = False,
) -> None:
    """Simulate a scenario, print a summary, and write charts and a report."""
    wanted = asked.scenario(scenario)
    if wanted.is_step:
        _step(wanted, out, as_json, explain)
        return
    from simulator.report.write import REPORT, write_report
    from simulator.simulate.best import at_load_and_best

    folder = opt.folder_for(out, wanted.name, as_json)
    with opt.report_folder(folder, REPORT):
        with opt.progress_bar("requests", quiet=as_json) as progress:
            result = at_load_and_best(wanted, progress)
        if folder is not None:
            write_report(result, folder)
    if as_json:
        from simulator.report.explain import breakdown_rows

        every_dollar = {"breakdown": breakdown_rows(result)} if explain else {}
        opt.print_json(result.to_dict() | every_dollar)
        return
    from simulator.cli.console import console
    from simulator.report.tables import summary

    screen = console()
    screen.print(summary(result))
    if explain:
        from simulator.report.explain import explained

        screen.print()
        screen.print(explained(result))
    if sources:
        screen.print("\n[bold]Sources[/bold]")
        for source in result.sources:
            screen.print(f"  {source}")
    if folder is not None:
        print(f"report: {folder / 'report.html'}", file=sys.stderr)


def _step(wanted: "Scenario", out: Path | None, as_json: bool, explain: bool) -> None:
    from simulator.simulate.predict import answer

    if out is not None:
        raise InputError("engine steps have no report", file="--out", remedy="leave it out")
    opt.print_prediction(answer(wanted), as_json, explain)
