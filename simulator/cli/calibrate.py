"""``roofsim calibrate``: fit one section of a device's calibration to measurements."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli import options as opt


def calibrate(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="[SECTION] DATA...",
            help="The section to fit (kernels, power, links, host or engine; kernels where none is "
            "named), then files of measurements, or folders that hold them.",
        ),
    ],
    device: Annotated[
        str, typer.Option("--device", "-d", help="Device, device:engine, or a YAML file.")
    ],
    measured_with: Annotated[
        str | None, typer.Option(help="What it was measured with, for the record.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write; calibrations/DEVICE.yaml without."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the file instead of writing it.")
    ] = False,
    as_json: opt.Json = False,
) -> None:
    """Fit a section of a device's calibration; errors are told on rows that were not fitted."""
    from simulator.cli.show_validation import show_fit
    from simulator.files.locks import reserved
    from simulator.files.whole_file import whole_file
    from simulator.validation.calibrate.run import calibrate as fit
    from simulator.validation.calibrate.run import own_file, section_and_files

    section, files = section_and_files(data)
    if dry_run:
        found = fit(section, files, device, measured_with=measured_with)
    else:
        file = out or own_file(device)
        with reserved(file), whole_file(file, "out") as target:
            found = fit(section, files, device, measured_with=measured_with)
            target.write(found.text)
        print(f"{found.place} of {found.hardware} written to {file}", file=sys.stderr)
    if as_json:
        opt.print_json(found.to_dict())
    elif dry_run:
        print(found.text, end="")
    show_fit(found)
