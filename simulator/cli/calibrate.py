"""``roofsim calibrate``: fit one section of a device's calibration to measurements."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.told import Launch, Settings, told_by

if TYPE_CHECKING:
    from simulator.validation.measured.runs import Told


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
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="The model of served runs, where a file names none."),
    ] = None,
    launch: Launch = None,
    settings: Settings = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="File to write; without: calibrations/DEVICE.yaml, or ENGINE-DEVICE.yaml here.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the file instead of writing it.")
    ] = False,
    as_json: opt.Json = False,
) -> None:
    """Fit a section of a device's calibration, or what a server adds to it, to measurements.

    Errors are told on rows that were not fitted. ``engine`` takes steps of whole models, and of
    served runs it fits the server's own overheads.
    """
    from simulator.cli.show_validation import show_fit
    from simulator.files.locks import reserved
    from simulator.files.whole_file import whole_file
    from simulator.validation.calibrate.run import calibrate as fit
    from simulator.validation.calibrate.run import own_file, section_and_files

    section, files = section_and_files(data)
    if section == "engine":
        told = told_by(device, model, launch, settings)
        if _is_of_a_server(files, told, out, dry_run, as_json):
            return
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


def _is_of_a_server(
    files: list[Path],
    told: "Told",
    out: Path | None,
    dry_run: bool,
    as_json: bool,
) -> bool:
    """Whether the files hold served runs; if so, what their server adds is fitted and told."""
    from simulator.validation.calibrate.server import fit_server, served_points

    points = served_points(files, told)
    if not points:
        return False
    with opt.progress_bar("simulations", quiet=as_json) as progress:
        found = fit_server(points, progress)
    if not dry_run:
        file = out or found.file
        opt.write_text(file, found.text)
        print(f"written to {file}: use it by --engine {_as_path(file)}", file=sys.stderr)
    if as_json:
        opt.print_json(found.to_dict())
    elif dry_run:
        print(found.text, end="")
    from simulator.cli.show_validation import show_server

    show_server(found)
    return True


def _as_path(file: Path) -> str:
    return str(file) if file.is_absolute() or len(file.parts) > 1 else f"./{file}"
