"""One measured run of a server or an engine: the load, the deployment as far as told, figures."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from simulator.errors import InputError

Phase = Literal["serve", "decode", "prefill", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRun:
    """What a file tells of one run.

    Args:
        place: where it stands in its file, for messages; empty where it is all of it.
        phase: served requests, decode steps, prompts, or a batch run to its end.
        figures: what was measured, by the keys of a prediction, in their units (SI).
        load: fields of the point that was measured: isl, osl, concurrency or rate; batch, context.
        deployment: fields of the deployment, by their paths below it.
        model, hardware: as the file names them; empty where it does not.
        source: who measured it, and when.
        notes: what was assumed to read it.
        unasked: why no prediction would be of this run; empty where one is.
    """

    place: str = ""
    phase: Phase = "serve"
    figures: Mapping[str, float]
    load: Mapping[str, Any]
    deployment: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    hardware: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    unasked: str = ""


RunReader = Callable[[str, Path], Iterator[MeasuredRun]]
"""(text, its file) → the runs that it holds, one by one."""


def number(found: object) -> float | None:
    """A finite number, also the only one of a list; None where nothing was measured."""
    if isinstance(found, list) and len(found) == 1:
        return number(found[0])
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        value = float(found)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def positive(figures: Mapping[str, float | None]) -> dict[str, float]:
    """The figures that were measured: those above zero."""
    return {key: value for key, value in figures.items() if value is not None and value > 0}


def needed(found: float | None, name: str, path: Path, place: str = "") -> float:
    """A number that a run cannot be read without.

    Raises:
        InputError: it is absent, or not above zero.
    """
    if found is None or found <= 0:
        raise InputError(
            f"{name} is missing or not above zero",
            file=path,
            field=place or name,
            remedy="is the file complete? a run that failed has nothing to compare",
        )
    return found


def load_of(users: float | None, rate: float | None, otherwise: float) -> dict[str, Any]:
    """A closed loop of so many users, or arrivals at a rate; else all that there are, at once."""
    if users:
        return {"concurrency": max(1, round(users))}
    if rate:
        return {"rate": rate}
    return {"concurrency": max(1, round(otherwise))}


def within(found: object, *names: str) -> object:
    """The value below nested mappings; None where there is none."""
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def anywhere(found: object, names: tuple[str, ...]) -> object:
    """The first value that any of ``names`` has anywhere below; None where there is none."""
    if isinstance(found, dict):
        for name in names:
            if found.get(name) not in (None, "", []):
                return found[name]
        found = list(found.values())
    if isinstance(found, list):
        # What comes last counts: a warm-up goes before the run.
        for part in reversed(found):
            inner = anywhere(part, names)
            if inner is not None:
                return inner
    return None


def first_name(found: object) -> str:
    """A name, the first of a list of them, or that of a mapping; empty where there is none."""
    if isinstance(found, list):
        return first_name(found[0]) if found else ""
    if isinstance(found, dict):
        return first_name(found.get("name") or found.get("items"))
    return found if isinstance(found, str) else ""
