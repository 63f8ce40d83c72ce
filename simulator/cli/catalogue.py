"""``roofsim catalogue``: what is known, with the source of every number."""

from typing import Annotated

import typer

from simulator.cli import options as opt

app = typer.Typer(no_args_is_help=True, help="Hardware, models and scenarios, with sources.")


@app.command("list")
def list_entries(
    what: Annotated[str, typer.Argument(help="hardware, models or scenarios.")] = "hardware",
    as_json: opt.Json = False,
) -> None:
    """List the catalogue."""
    from simulator.errors import InputError
    from simulator.specs.catalogue import data_folder, names

    folders = {"hardware": "hardware_specs", "models": "models", "scenarios": "scenarios"}
    if what not in folders:
        raise InputError(
            f"there is no list of {what!r}", remedy="list hardware, models or scenarios"
        )
    found = list(names(data_folder(folders[what])))
    if as_json:
        opt.print_json({what: found})
        return
    for name in found:
        print(name)
