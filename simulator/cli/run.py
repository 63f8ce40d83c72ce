"""``roofsim run``: simulate a scenario, print a summary, write the report."""

import sys
from typing import Annotated

import typer

from simulator.cli import options as opt


def run(
    scenario: Annotated[
        str, typer.Argument(help="A scenario file, or the name of a built-in one.")
    ],
    out: opt.Out = None,
    as_json: opt.Json = False,
    hardware: Annotated[str | None, typer.Option("--hardware", "-w")] = None,
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
    sources: Annotated[
        bool, typer.Option("--sources", help="Print where the numbers are from.")
    ] = False,
) -> None:
    """Simulate a scenario, print a summary, and write charts and a report."""
    from simulator.simulate.run import simulate
    from simulator.specs.catalogue import scenario_path
    from simulator.specs.scenario import read_scenario

    deployment = opt.deployment_fields(
        precision=precision, kv_precision=kv_precision, engine=engine,
        devices=devices, tp=tp, pp=pp, ep=ep, dp=dp,
    )  # fmt: skip
    overrides = opt.scenario_overrides(hardware, model, trace, deployment, settings)
    wanted = read_scenario(scenario_path(scenario), overrides)
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
