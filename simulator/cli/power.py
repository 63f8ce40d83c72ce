"""``roofsim power``: a step under power caps, and the cap of least joules a token."""

import sys
from typing import Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.question import Asked, asks
from simulator.errors import InputError, shown


@asks("trace")
def power(
    asked: Asked,
    caps: Annotated[
        str | None,
        typer.Option(help="Watts of each device, separated by commas; absent, from its limit on."),
    ] = None,
    out: opt.ChartFolder = None,
    as_json: opt.Json = False,
) -> None:
    """Try power caps on a decode step or a prefill: throughput and energy against watts."""
    from simulator.planning.power_caps import draw, power_caps

    wanted = _watts(caps)
    with opt.report_folder(out, ()):
        found = power_caps(asked.point(), wanted)
        written = [] if out is None else draw(found, out)
    for path in written:
        print(path, file=sys.stderr)
    if as_json:
        opt.print_json(found.to_dict())
        return
    from simulator.cli.show import show_power_caps

    show_power_caps(found)


def _watts(text: str | None) -> list[float]:
    """The caps that a user wrote.

    Raises:
        InputError: something that is no power.
    """
    from simulator.units import in_range, parse

    found = []
    for part in (text or "").split(","):
        if not part.strip():
            continue
        try:
            found.append(in_range(parse(part, "watts"), "watts"))
        except ValueError as error:
            raise InputError(
                f"{shown(part.strip())}: {error}",
                file="--caps",
                remedy="write watts, as in 700,500,300",
            ) from None
    return found
