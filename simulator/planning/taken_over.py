"""Scenarios made of what other tools wrote: launch lines, manifests, results, scrapes, traces."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.errors import InputError, nearest
from simulator.specs.question import Change, ask
from simulator.specs.scenario import Scenario
from simulator.specs.text_file import is_file, read_text
from simulator.traces.launch.asked import content_of
from simulator.traces.launch.kubernetes import read_manifest
from simulator.traces.launch.read import Launch, read_commands
from simulator.traces.launch.shell import command_of, commands
from simulator.traces.launch.table import engines

ASSUMED_HARDWARE = "h100-sxm"
"""The device of a scenario whose source names none."""

_LARGEST_TEXT = 10_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be taken over: its kind, files or words, and the time that a scrape covers."""

    kind: str
    words: tuple[str, ...]
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A scenario that other tools' files made, and the line that says of what."""

    scenario: Scenario
    told: str

    def content(self) -> dict[str, Any]:
        """The scenario as plain values: what was set, and nothing else."""
        found: dict[str, Any] = self.scenario.model_dump(mode="json", exclude_unset=True)
        return {name: value for name, value in found.items() if value not in ("", [])}

    def yaml(self) -> str:
        """The scenario as a file."""
        import yaml

        text = yaml.safe_dump(self.content(), sort_keys=False, allow_unicode=True, width=100)
        return f"# {self.told}\n{text}"


def taken_over(source: Source, changes: Sequence[Change] = ()) -> TakenOver:
    """The scenario that a source describes, after ``changes``.

    Raises:
        InputError: an unknown kind, a source that cannot be read as it, or what does not fit.
    """
    read = _KINDS.get(source.kind)
    if read is None:
        raise InputError(
            f"unknown kind {source.kind!r}", field="kind", remedy=nearest(source.kind, _KINDS)
        )
    if not source.words:
        raise InputError(
            "nothing to read is named", field=source.kind,
            remedy="name a file, - for what is piped in, or give a line after two dashes",
        )  # fmt: skip
    return read(source, tuple(changes))


Changes = tuple[Change, ...]


def _line(source: Source, changes: Changes) -> TakenOver:
    words = source.words
    if len(words) == 1:
        text = sys.stdin.read() if words[0] == "-" else words[0]
        folder = Path()
        if is_file(Path(words[0])):
            text, folder = read_text(Path(words[0]), _LARGEST_TEXT), Path(words[0]).parent
        launch = read_commands(commands(text), source.kind, folder)
    else:
        launch = read_commands([command_of(words)], source.kind)
    return _launched(launch, changes, f"Read from a launch line of {launch.engine}.")


def _manifest(source: Source, changes: Changes) -> TakenOver:
    file = _one_file(source)
    launch, hardware = read_manifest(read_text(file, _LARGEST_TEXT), file)
    if hardware is not None:
        changes = (Change("hardware", hardware, str(file)), *changes)
    return _launched(launch, changes, f"Read from the manifest {file.name}.")


def _launched(launch: Launch, changes: Changes, told: str) -> TakenOver:
    content, assumed = content_of(launch, changes)
    notes = (*launch.notes, *assumed)
    return asked_of(content, (*launch.changes, *changes), notes, told)


def asked_of(
    content: Mapping[str, Any], changes: Changes, notes: Sequence[str], told: str
) -> TakenOver:
    """The scenario of ``content`` and ``changes``, on a device that is assumed where none is named.

    Raises:
        InputError: what does not fit the schema.
    """
    content = dict(content)
    if "hardware" not in content and not any(_is_hardware(change) for change in changes):
        content["hardware"] = ASSUMED_HARDWARE
        notes = (*notes, f"the device is assumed: {ASSUMED_HARDWARE}; say another by --hardware")
    return TakenOver(ask({**content, "notes": list(notes)}, changes), told)


def _is_hardware(change: Change) -> bool:
    return change.path in ("hardware", "hardware.base")


def _one_file(source: Source) -> Path:
    if len(source.words) != 1:
        raise InputError(
            f"{len(source.words)} files are named", field=source.kind, remedy="name one"
        )
    return Path(source.words[0])


Read = Callable[[Source, Changes], TakenOver]
_KINDS: Mapping[str, Read] = {**dict.fromkeys(engines(), _line), "k8s": _manifest}
