"""``roofsim plan``: the cheapest systems that keep the promise for a scenario's traffic."""

import sys
from typing import Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.question import Asked, asks
from simulator.errors import InputError, nearest
from simulator.specs.scenario import Scenario

_SYSTEM, _MAX_RATE = "system", "max-rate"
_FIND = "max-rate: how much the scenario's own system takes, instead of a system."


@asks("hardware", section="plan")
def plan(
    asked: Asked,
    scenario: opt.ScenarioName = None,
    *,
    hardware: Annotated[
        str,
        typer.Option(
            "--hardware", "-w", help="Devices to choose from, separated by commas; auto for all."
        ),
    ] = "",
    find: Annotated[str, typer.Option(help=_FIND)] = _SYSTEM,
    out: opt.ChartFolder = None,
    as_json: opt.Json = False,
) -> None:
    """Find the cheapest system that keeps the objectives for the scenario's traffic.

    Lists of what it may choose from (precision, engine, tp, …) stand under plan in the scenario.
    With --phase decode it needs no scenario: it asks which devices take such a step within
    objectives.tpot and --max-watts.
    """
    if find not in (_SYSTEM, _MAX_RATE):
        raise InputError(
            f"nothing called {find!r} can be found",
            file="--find",
            remedy=nearest(find, (_SYSTEM, _MAX_RATE)),
        )
    wanted = _wanted(asked, scenario, hardware)
    if wanted.is_step:
        _steps(wanted, as_json)
    elif find == _MAX_RATE:
        _most(wanted, as_json)
    else:
        _system(wanted, out, as_json)


def _wanted(asked: Asked, scenario: str | None, hardware: str) -> Scenario:
    chosen = asked.choosing(hardware)
    is_point = any(change.path == "workload.kind" for change in asked.changes)
    if scenario is not None or not is_point:
        return chosen.scenario(scenario)
    from simulator.specs.catalogue import all_hardware

    # A question has a device; which one does not matter to who asks all of them.
    first = hardware.split(",")[0].strip()
    named = first if first not in ("", "auto") else next(all_hardware()).name
    return chosen.on([named]).point()


def _system(wanted: Scenario, out: opt.ChartFolder, as_json: bool) -> None:
    from simulator.planning.plan.search import plan as search
    from simulator.planning.plan.write import FILES, write_plan

    with opt.report_folder(out, FILES):
        with opt.progress_bar("systems", quiet=as_json) as progress:
            found = search(wanted, progress)
        if out is not None:
            for path in write_plan(found, out):
                print(path, file=sys.stderr)
    if as_json:
        opt.print_json(found.to_dict())
        return
    from simulator.cli.console import console
    from simulator.cli.show_plan import shown

    console().print(shown(found))


def _most(wanted: Scenario, as_json: bool) -> None:
    from simulator.planning.plan.max_rate import max_rate

    found = max_rate(wanted)
    if as_json:
        opt.print_json(found.to_dict())
        return
    from simulator.cli.console import console
    from simulator.cli.show_plan import shown_rate

    console().print(shown_rate(found))


def _steps(wanted: Scenario, as_json: bool) -> None:
    from simulator.planning.plan.step_query import step_query

    if wanted.workload.kind != "decode":
        raise InputError(
            "a prefill has no pace to choose by", field="workload.kind", remedy="ask for decode"
        )
    found = step_query(wanted)
    if as_json:
        opt.print_json(found.to_dict())
        return
    from simulator.cli.console import console
    from simulator.cli.show_plan import shown_steps

    console().print(shown_steps(found))
