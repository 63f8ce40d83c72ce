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
from simulator.specs.workload import Trace
from simulator.traces.device_names import device_named
from simulator.traces.formats import format_of
from simulator.traces.launch.asked import content_of, slug
from simulator.traces.launch.kubernetes import read_manifest
from simulator.traces.launch.read import Launch, read_commands
from simulator.traces.launch.shell import command_of, commands
from simulator.traces.launch.table import engines
from simulator.traces.read import read_trace
from simulator.traces.results.scrape import Scrape, busy, workload

ASSUMED_HARDWARE = "h100-sxm"
"""The device of a scenario whose source names none."""

_LARGEST_TEXT = 10_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be taken over.

    Args:
        kind: what it is: an engine's launch line, k8s, bench, prometheus or trace.
        words: files, or the words of a line.
        seconds: the time that a scrape covers.
        run: which of a result's runs, from 1.
    """

    kind: str
    words: tuple[str, ...]
    seconds: float | None = None
    run: int | None = None


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


def _bench(source: Source, changes: Changes) -> TakenOver:
    """One run of a benchmark's result, as a serving point of its mean lengths."""
    file = _one_file(source)
    text = read_text(file, _LARGEST_TEXT)
    form = format_of(text, file)
    if form.runs is None:
        raise InputError(
            f"is read as {form.described}, which measures nothing", file=file,
            remedy=f"serve its requests: roofsim import trace {file} --model llama-3.1-8b"
            + ("" if form.tells_times else " --rate 5"),
        )  # fmt: skip
    runs = list(form.runs(text, file))
    number = source.run or 1
    if not 1 <= number <= len(runs):
        raise InputError(
            f"it holds {len(runs)} runs, not {number}", file=file, field="--run",
            remedy=f"name one from 1 to {len(runs)}",
        )  # fmt: skip
    run = runs[number - 1]
    notes = [f"{file.name} is read as {form.described}", *run.notes]
    if len(runs) > 1 and source.run is None:
        notes.append(f"the first of {len(runs)} runs; take another by --run")
    if run.unasked:
        notes.append(f"the run itself is not what is asked: {run.unasked}")
    content: dict[str, Any] = {
        "name": slug(f"{run.deployment.get('engine', 'run')}-{file.stem}"),
        "workload": {"kind": run.phase, **run.load},
        "deployment": dict(run.deployment),
    }
    if run.phase == "run":
        raise InputError(
            "a batch that runs to its end is no point to ask for", file=file, field=run.place,
            remedy=f"compare it with predictions: roofsim validate --data {file}",
        )  # fmt: skip
    device = device_named(run.hardware)
    if device:
        content["hardware"] = device
    if run.model:
        content["model"] = run.model
    return asked_of(content, changes, notes, f"Read from the result {file.name}.")


def _scrapes(source: Source, changes: Changes) -> TakenOver:
    """One scrape, or what came between two, as arrivals and lengths."""
    if len(source.words) > _MOST_SCRAPES:
        raise InputError(
            f"{len(source.words)} scrapes are named", field=source.kind, remedy="name one or two"
        )
    files = [Path(word) for word in source.words]
    scrapes = [Scrape.of(read_text(file, _LARGEST_TEXT), file) for file in files]
    found = scrapes[-1] if len(scrapes) == 1 else scrapes[1].since(scrapes[0], files[1])
    load = busy(found, files[-1], source.seconds)
    content = {
        "name": slug(f"{load.engine}-{files[-1].stem}"),
        "model": load.model,
        "deployment": {"engine": load.engine},
        "workload": workload(load, files[-1], _REQUESTS),
    }
    told = f"Read from {' and '.join(file.name for file in files)}."
    return asked_of(content, changes, load.notes, told)


def _trace(source: Source, changes: Changes) -> TakenOver:
    file = _one_file(source)
    content = {
        "name": slug(file.stem),
        "workload": {"kind": "trace", "file": str(file.resolve())},
    }
    named = {change.path.split(".")[0] for change in changes}
    if "model" not in named:
        raise InputError(
            "a trace names no model", file=file, field="model",
            remedy="add --model, as in --model llama-3.1-8b",
        )  # fmt: skip
    told = asked_of(content, changes, (), f"Serves the trace {file.name}.")
    # Its format is told by its content now, and not when it is served.
    read_trace(trace_of(told.scenario))
    return told


def trace_of(scenario: Scenario) -> Trace:
    """The trace of a scenario that serves one."""
    workload = scenario.workload
    assert isinstance(workload, Trace)
    return workload


_MOST_SCRAPES = 2
_REQUESTS = 1000
"""How many requests stand for a server's load."""

Read = Callable[[Source, Changes], TakenOver]
_KINDS: Mapping[str, Read] = {
    **dict.fromkeys(engines(), _line),
    "k8s": _manifest,
    "bench": _bench,
    "prometheus": _scrapes,
    "trace": _trace,
}
