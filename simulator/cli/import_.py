"""``roofsim import``: what other tools wrote, as a scenario file."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.question import Asked, asks


@asks("launch")
def import_(
    asked: Asked,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="vllm, sglang or trtllm (a launch line), k8s (a manifest), bench (a benchmark's "
            "result), prometheus (one scrape or two) or trace.",
        ),
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE...] | -- LINE", help="Files, or a launch line after two dashes."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The scenario file; printed where none is named."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="Time between two scrapes, or since the counters of one began."),
    ] = None,
    run: Annotated[
        int | None, typer.Option(help="Which run of a result that holds several, from 1.")
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Turn a launch line, a manifest, a result, a scrape or a trace into a scenario file."""
    from simulator.planning.taken_over import Source, taken_over

    found = taken_over(Source(kind, tuple(words or ()), seconds, run), asked.changes)
    for note in found.scenario.notes if out is not None else ():
        print(f"note: {note}", file=sys.stderr)
    if as_json:
        opt.print_json(found.content())
    text = found.yaml()
    if out is not None:
        opt.write_text(out, text)
        print(out, file=sys.stderr)
    elif not as_json:
        print(text, end="")
