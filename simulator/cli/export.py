"""``roofsim export``: a simulated run as a file that other tools read."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.question import Asked, asks


@asks()
def export(
    asked: Asked,
    form: Annotated[str, typer.Argument(metavar="FORMAT", help="vllm-bench, infx or perfetto.")],
    scenario: opt.ScenarioName,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
) -> None:
    """Simulate a scenario and write it as a benchmark result or an event trace."""
    from simulator.simulate.export import export as write

    write(asked.scenario(scenario), form, out)
    print(out, file=sys.stderr)
