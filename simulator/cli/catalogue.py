"""``roofsim catalogue``: what is known, with the source of every number."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli import options as opt
from simulator.errors import InputError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Hardware, models and scenarios, with sources."
)


@app.command("list")
def list_entries(
    what: Annotated[str, typer.Argument(help="hardware, models, scenarios or bills.")] = "hardware",
    vendor: Annotated[str | None, typer.Option(help="Only this vendor's.")] = None,
    device_class: Annotated[
        str | None, typer.Option("--class", help="Only this class: tpu, npu, …")
    ] = None,
    memory: Annotated[str, typer.Option(help="At least so much, as in '80 GB'.")] = "0 B",
    precision: Annotated[str | None, typer.Option(help="Only with this datatype.")] = None,
    as_json: opt.Json = False,
) -> None:
    """List hardware, models, scenarios or bills, with filters for hardware."""
    from simulator.cli import show_catalogue as show
    from simulator.planning.browse import list_bills, list_hardware, list_models, list_scenarios
    from simulator.units import parse

    if what == "hardware":
        try:
            least = parse(memory, "bytes")
        except ValueError as error:
            raise InputError(str(error), field="memory") from None
        rows = list_hardware(vendor, device_class, least, precision)
        show.hardware_list(rows) if not as_json else opt.print_json(
            {"hardware": [asdict(r) for r in rows]}
        )
    elif what == "models":
        models = list_models()
        show.model_list(models) if not as_json else opt.print_json(
            {"models": [asdict(r) for r in models]}
        )
    elif what == "scenarios":
        scenarios = list_scenarios()
        show.scenario_list(scenarios) if not as_json else opt.print_json(
            {"scenarios": [asdict(r) for r in scenarios]}
        )
    elif what == "bills":
        bills = list_bills()
        show.scenario_list(bills) if not as_json else opt.print_json(
            {"bills": [asdict(r) for r in bills]}
        )
    else:
        raise InputError(
            f"there is no list of {what!r}", remedy="list hardware, models, scenarios or bills"
        )


@app.command("show")
def show_entry(
    name: Annotated[str, typer.Argument(help="A device or a model, by name or file.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the roofline chart.")
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Show every number of a device with source and confidence, or the shapes of a model."""
    from simulator.cli import show_catalogue as show
    from simulator.planning.browse import facts
    from simulator.specs import catalogue
    from simulator.specs.model import Model

    hardware = catalogue.device_or_model(name)
    if isinstance(hardware, Model):
        if out is not None:
            raise InputError("a model has no roofline", file="--out", remedy="leave it out")
        show.model(hardware, as_json)
        return
    if out is not None:
        from simulator.report.write import write_device_roof

        for path in write_device_roof(name, out):
            print(path, file=sys.stderr)
    if as_json:
        opt.print_json({"name": hardware.name, "facts": [asdict(f) for f in facts(hardware)]})
        return
    show.hardware(hardware, facts(hardware))


@app.command("prices")
def prices(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]", help="Devices, or models and providers of APIs; all without one."
        ),
    ] = None,
    book: Annotated[
        Path | None, typer.Option("--prices", help="Your own price book, YAML or CSV.")
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """List offers of devices and APIs with dates and sources, and devices on each basis."""
    from simulator.cli import show_prices as show
    from simulator.planning.price_list import price_list

    found = price_list(names or (), book)
    if as_json:
        opt.print_json(asdict(found))
        return
    show.price_list(found, is_of_one=len(names or ()) == 1)


@app.command("check")
def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Devices or files; all when none is named.")
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Look for numbers that contradict each other, lack a source, or have grown old."""
    from datetime import UTC, datetime

    from simulator.cli import show_catalogue as show
    from simulator.planning.browse import check_catalogue

    findings = check_catalogue(names or (), datetime.now(UTC).date())
    if as_json:
        opt.print_json({"findings": [asdict(f) for f in findings]})
    else:
        show.findings(findings)
    if any(f.severity == "error" for f in findings):
        raise typer.Exit(2)


@app.command("new")
def new(
    kind: Annotated[str, typer.Argument(help="hardware, model or scenario.")],
    name: Annotated[str, typer.Option(help="Name of the new entry.")] = "",
    folder: Annotated[Path, typer.Option(help="Where to put the file.")] = Path(),
) -> None:
    """Write a commented template to fill in."""
    from simulator.planning.browse import write_template

    print(write_template(kind, name or f"my-{kind}", folder))
