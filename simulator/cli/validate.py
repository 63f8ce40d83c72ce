"""``roofsim validate``: predictions against measurements, on rows no calibration has seen."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.told import Launch, Settings, told_by


def validate(
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            help="Measurements: results of benchmarks, tables (CSV, Parquet), documents (JSON); as "
            "often as needed.",
        ),
    ] = None,
    hardware: Annotated[
        str | None, typer.Option("--hardware", "-w", help="The device, where a file names none.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="The model, where a file names none.")
    ] = None,
    launch: Launch = None,
    settings: Settings = None,
    flags_alone: Annotated[
        bool,
        typer.Option(
            help="Ask what was served a second time, by its flags alone: without how the server "
            "was set up. Takes as long again."
        ),
    ] = False,
    out: opt.ChartFolder = None,
    as_json: opt.Json = False,
) -> None:
    """Compare predictions with measurements: the project's own cited table, or your files."""
    from simulator.validation.report import VALIDATION, write_validation
    from simulator.validation.validate import validate as score

    with opt.report_folder(out, (VALIDATION,)):
        told = told_by(hardware, model, launch, settings)
        with opt.progress_bar("serving points", quiet=as_json) as progress:
            found = score(data or (), told=told, flags_alone=flags_alone, progress=progress)
        if out is not None:
            write_validation(found, out)
    if as_json:
        opt.print_json(found.to_dict())
        return
    from simulator.cli.show_validation import show_validation

    show_validation(found)
    if out is not None:
        print(f"parity plot: {out / 'parity.svg'}", file=sys.stderr)
