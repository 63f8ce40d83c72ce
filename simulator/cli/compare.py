"""``roofsim compare``: the same scenario on several devices, as a table and a chart."""

import sys
from typing import Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.question import Asked, asks


@asks("hardware")
def compare(
    asked: Asked,
    scenario: opt.ScenarioName = None,
    *,
    hardware: Annotated[
        str, typer.Option("--hardware", "-w", help="Devices, separated by commas.")
    ],
    out: opt.Out = None,
    as_json: opt.Json = False,
    workers: Annotated[int, typer.Option(help="Processes; -1 uses every core.")] = -1,
) -> None:
    """Run one scenario on several devices and set the answers side by side."""
    from simulator.planning.compare import compare as compare_all
    from simulator.report.write import COMPARISON, write_comparison

    names = [name.strip() for name in hardware.split(",") if name.strip()]
    wanted = asked.on(names[:1]).scenario(scenario)
    folder = opt.folder_for(out, f"{wanted.name}-comparison", as_json)
    with opt.report_folder(folder, COMPARISON):
        with opt.progress_bar("devices", quiet=as_json) as progress:
            results = compare_all(wanted, names, workers=workers, progress=progress)
        if folder is not None:
            write_comparison(results, folder)
    if as_json:
        from simulator.report.ranking import ranking

        found = ranking(results).to_dict()
        opt.print_json({"results": [r.to_dict() for r in results], "ranking": found})
        return
    from simulator.cli.console import console
    from simulator.report.tables import comparison

    console().print(comparison(results))
    if folder is not None:
        print(f"report: {folder / 'comparison.html'}", file=sys.stderr)
