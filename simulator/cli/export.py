"""``roofsim export``: a simulated run as a file that other tools read."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli import options as opt


def export(
    form: Annotated[str, typer.Argument(metavar="FORMAT", help="vllm-bench, infx or perfetto.")],
    scenario: Annotated[str, typer.Argument(help="A scenario file, or a built-in one's name.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    hardware: Annotated[str | None, typer.Option("--hardware", "-w")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m")] = None,
    trace: opt.TraceFile = None,
    settings: opt.Settings = None,
) -> None:
    """Simulate a scenario and write it as a benchmark result or an event trace."""
    from simulator.simulate.export import export as write
    from simulator.specs.catalogue import scenario_path
    from simulator.specs.scenario import read_scenario

    overrides = opt.scenario_overrides(hardware, model, trace, {}, settings)
    write(read_scenario(scenario_path(scenario), overrides), form, out)
    print(out, file=sys.stderr)
