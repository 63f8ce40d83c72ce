"""``roofsim export``: a simulated run, or how its servers are started, for other tools to read."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.question import Asked, asks
from simulator.errors import InputError, nearest


@asks()
def export(
    asked: Asked,
    form: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT",
            help="vllm-bench, infx or perfetto: the run; vllm, sglang, trtllm or k8s: the launch.",
        ),
    ],
    scenario: opt.ScenarioName = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file to write; launch lines are printed without."),
    ] = None,
) -> None:
    """Write a scenario's run as a result or an event trace, or its deployment as a launch line."""
    from simulator.traces.launch.export import launch_forms

    wanted = asked.scenario(scenario)
    launch = launch_forms().get(form)
    if launch is not None:
        text, left_out = launch(wanted)
        for note in left_out:
            print(f"not said: {note}", file=sys.stderr)
        if out is None:
            print(text, end="")
            return
        opt.write_text(out, text)
    else:
        from simulator.simulate.export import FORMATS
        from simulator.simulate.export import export as write

        if form not in FORMATS:
            forms = (*FORMATS, *launch_forms())
            raise InputError(
                f"unknown format {form!r}", field="format", remedy=nearest(form, forms)
            )
        if out is None:
            raise InputError("is missing", file="--out", remedy=f"name a file: -o {form}.json")
        write(wanted, form, out)
    print(out, file=sys.stderr)
