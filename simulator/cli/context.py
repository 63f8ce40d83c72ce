"""``roofsim context``: what a token costs as the context grows, and where models cross."""

import sys
from typing import Annotated

import typer

from simulator.cli import options as opt

FAMILIES = "llama-3.1-70b,deepseek-v3,deepseek-v3.2,deepseek-v4-pro,qwen3.5-397b-a17b"


def context(
    hardware: Annotated[str, typer.Option("--hardware", "-w")] = "h200-sxm",
    models: Annotated[str, typer.Option(help="Models, separated by commas.")] = FAMILIES,
    out: opt.ChartFolder = None,
    as_json: opt.Json = False,
) -> None:
    """Compare attention kinds: time and cache of one sequence from 1 k to 1 M tokens."""
    from simulator.planning.context_cost import context_cost, draw

    with opt.report_folder(out, ()):
        found = context_cost([m.strip() for m in models.split(",") if m.strip()], hardware)
        written = [] if out is None else draw(found, out)
    for path in written:
        print(path, file=sys.stderr)
    if as_json:
        opt.print_json(found.to_dict())
        return
    from simulator.cli.show import show_context

    show_context(found)
