"""``roofsim calibrate``: fit a device's calibration section to measurements."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli import options as opt


def calibrate(
    data: Annotated[list[Path], typer.Argument(help="Kernel tables, CSV or benchmark results.")],
    device: Annotated[str, typer.Option("--device", "-d", help="Device, or device:engine.")],
    measured_with: Annotated[
        str | None, typer.Option(help="What it was measured with, for the record.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File for the section; stdout without.")
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Fit a device's calibration and print it as YAML, with the uncertainty of every constant."""
    from simulator.cli.show_validation import show_groups
    from simulator.validation.calibrate.run import calibrate as fit

    found = fit(data, device, measured_with=measured_with)
    if as_json:
        opt.print_json(found.to_dict())
        return
    if out is None:
        print(found.yaml, end="")
    else:
        opt.write_text(out, found.yaml)
    print(f"fitted {found.fitted_rows} rows; errors on the rows not fitted:", file=sys.stderr)
    show_groups(found.scored, stderr=True)
