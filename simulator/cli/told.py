"""What a user says of files of measurements that do not say it themselves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.errors import InputError

if TYPE_CHECKING:
    from simulator.validation.measured.runs import Told

Launch = Annotated[
    str | None,
    typer.Option(
        "--launch", metavar="LINE", help="How the measured server was started, where a file does "
        "not say: 'vllm serve MODEL -tp 2'.",
    ),
]  # fmt: skip
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="FIELD=VALUE", help="A field of the measured deployment, as often as "
        "needed: deployment.tp=2.",
    ),
]  # fmt: skip


def told_by(
    hardware: str | None, model: str | None, launch: str | None, settings: Sequence[str] | None
) -> "Told":
    """What flags say of the files.

    Raises:
        InputError: a launch line or a setting that cannot be used.
    """
    from simulator.specs.question import Change, from_settings
    from simulator.validation.measured.runs import Told

    changes: list[Change] = []
    notes: tuple[str, ...] = ()
    if launch is not None:
        from simulator.traces.launch.read import read_text

        found = read_text(launch)
        changes += [c for c in found.changes if c.path != "model"]
        model, notes = model or found.model, found.notes
    changes += from_settings(settings or ())
    deployment: dict[str, Any] = {}
    for change in changes:
        root, _, path = change.path.partition(".")
        if root != "deployment":
            raise InputError(
                "is no field of the measured deployment",
                file=change.written,
                remedy="set fields of deployment, as in --set deployment.tp=2",
            )
        deployment |= {path: change.value} if path else dict(_mapping(change.value))
    return Told(hardware, model, deployment, notes)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
