"""``roofsim compare``: the same question to several systems, as a table and a chart."""

import sys
from typing import Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.question import Asked, asks


@asks("hardware")
def compare(
    asked: Asked,
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SCENARIO",
            help="Scenario files, or built-in ones' names, or none beside --launch.",
        ),
    ] = None,
    *,
    hardware: Annotated[
        str | None,
        typer.Option(
            "--hardware", "-w",
            help="Systems that each scenario is put to, separated by commas: a device, with fields "
            "of its own behind colons as in h100-sxm:tp=2:engine=sglang, or :auto for the fewest "
            "devices that hold the model.",
        ),
    ] = None,
    relative_to: Annotated[
        str | None,
        typer.Option(
            metavar="SYSTEM", help="Whom factors are relative to, as it is named; else the first."
        ),
    ] = None,
    out: opt.Out = None,
    as_json: opt.Json = False,
    workers: Annotated[int, typer.Option(help="Processes; -1 uses every core.")] = -1,
) -> None:  # fmt: skip
    """Set the answers of several systems side by side.

    Several scenarios may differ in everything; --hardware puts each to several systems. One that
    cannot serve the question has a row that says why.
    """
    from simulator.planning.compare import compare as compare_all
    from simulator.report.write import COMPARISON, comparison_dict, write_comparison

    names = [name.strip() for name in (hardware or "").split(",") if name.strip()]
    if asked.launch is not None:
        # It names no device: the first stands in until each system names its own.
        asked = asked.on([name.split(":")[0] for name in names[:1]])
    wanted = [asked.scenario(name) for name in scenarios or []] or [asked.scenario(None)]
    folder = opt.folder_for(out, f"{wanted[0].name}-comparison", as_json)
    with opt.report_folder(folder, COMPARISON):
        with opt.progress_bar("systems", quiet=as_json) as progress:
            found = compare_all(
                wanted, names, relative_to=relative_to, workers=workers, progress=progress
            )
        if folder is not None:
            write_comparison(found, folder)
    if as_json:
        opt.print_json(comparison_dict(found))
        return
    from simulator.cli.console import console
    from simulator.report.tables import comparison

    console().print(comparison(found.results, found.unanswered))
    if folder is not None:
        print(f"report: {folder / 'comparison.html'}", file=sys.stderr)
