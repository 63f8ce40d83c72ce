"""``roofsim compare``: the same scenario on several devices, as a table and a chart."""

import sys
from typing import Annotated

import typer

from simulator.cli import options as opt


def compare(
    scenario: Annotated[
        str, typer.Argument(help="A scenario file, or the name of a built-in one.")
    ],
    hardware: Annotated[
        str, typer.Option("--hardware", "-w", help="Devices, separated by commas.")
    ],
    out: opt.Out = None,
    as_json: opt.Json = False,
    model: Annotated[str | None, typer.Option("--model", "-m")] = None,
    trace: opt.TraceFile = None,
    precision: opt.Precision = None,
    kv_precision: opt.KvPrecision = None,
    engine: opt.ServingEngine = None,
    devices: opt.Devices = None,
    tp: opt.Tp = None,
    pp: opt.Pp = None,
    ep: opt.Ep = None,
    dp: opt.Dp = None,
    settings: opt.Settings = None,
    workers: Annotated[int, typer.Option(help="Processes; -1 uses every core.")] = -1,
) -> None:
    """Run one scenario on several devices and set the answers side by side."""
    from simulator.planning.compare import compare as compare_all
    from simulator.specs.catalogue import scenario_path
    from simulator.specs.scenario import read_scenario

    deployment = opt.deployment_fields(
        precision=precision, kv_precision=kv_precision, engine=engine,
        devices=devices, tp=tp, pp=pp, ep=ep, dp=dp,
    )  # fmt: skip
    overrides = opt.scenario_overrides(None, model, trace, deployment, settings)
    wanted = read_scenario(scenario_path(scenario), overrides)
    folder = opt.report_folder(out, f"{wanted.name}-comparison", as_json)
    names = [name.strip() for name in hardware.split(",") if name.strip()]
    with opt.progress_bar("devices", quiet=as_json) as progress:
        results = compare_all(wanted, names, workers=workers, progress=progress)
    if folder is not None:
        from simulator.report.write import write_comparison

        write_comparison(results, folder)
    if as_json:
        opt.print_json({"results": [r.to_dict() for r in results]})
        return
    from simulator.cli.console import console
    from simulator.report.tables import comparison

    console().print(comparison(results))
    if folder is not None:
        print(f"report: {folder / 'comparison.html'}", file=sys.stderr)
