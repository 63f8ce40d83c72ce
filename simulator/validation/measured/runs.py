"""Users' own files as points: results, records, spans and scrapes, as ``traces`` reads them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.specs import catalogue
from simulator.specs.text_file import read_text
from simulator.traces.device_names import device_named
from simulator.traces.formats import format_of
from simulator.traces.results.measured_run import MeasuredRun
from simulator.validation.measured.point import Point
from simulator.validation.measured.row import Row

MOST_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Told:
    """What a user says of files that do not say it themselves.

    Args:
        hardware, model: where a file names none, or none that is known.
        deployment: fields of the deployment by their paths below it; they overrule the file's.
        notes: what of it is not used.
    """

    hardware: str | None = None
    model: str | None = None
    deployment: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def run_rows(path: Path, told: Told) -> Iterator[Row]:
    """Every run in a file as a row of its figures.

    A run of one request at a time is also a decode step of batch 1, which calibrations can use.

    Raises:
        InputError: a file that is not understood, or that measures nothing.
    """
    text = read_text(path, MOST_BYTES, "data")
    form = format_of(text, path)
    if form.runs is None:
        raise InputError(
            f"is read as {form.described}, which measures nothing",
            file=path,
            field="data",
            remedy=f"serve its requests: roofsim run quickstart --trace {path}",
        )
    for run in form.runs(text, path):
        points = tuple(_points_of(run, path, told))
        yield Row(points) if points else Row(refused="the run measured none of the known figures")


def _points_of(run: MeasuredRun, path: Path, told: Told) -> Iterator[Point]:
    device = device_named(run.hardware) or told.hardware
    if not device:
        found = f"names the device {run.hardware!r}" if run.hardware else "names no device"
        raise InputError(
            f"it {found}, and no such device is known" if run.hardware else f"it {found}",
            file=path,
            field=run.place or "data",
            remedy="say which it is: --hardware h100-sxm",
        )
    name = _model(run, told.model)
    if not name:
        raise InputError(
            "it names no model",
            file=path,
            field=run.place or "data",
            remedy="say which it is: --model qwen3-8b",
        )
    load = dict(run.load)
    settings: dict[str, Any] = {n: load.pop(n) for n in ("requests",) if n in load}
    deployment = {**run.deployment, **told.deployment}
    asked = {**deployment, **load}
    source = ", ".join(part for part in (run.source, path.name, run.place) if part)
    unasked = run.unasked
    notes = (*run.notes, *told.notes, *_left_open(deployment, path))
    for quantity, value in run.figures.items():
        yield Point(
            device, name, run.phase, quantity, value, asked, source,
            settings=settings, unasked=unasked, notes=notes, theirs=True,
        )  # fmt: skip
    if run.phase == "serve" and load.get("concurrency") == 1 and "tpot_s" in run.figures:
        step = {"batch": 1, "context": load["isl"] + load["osl"] // 2}
        yield Point(
            device, name, "decode", "step_time_s", run.figures["tpot_s"],
            {**deployment, **step}, source, unasked=unasked, notes=notes, theirs=True,
        )  # fmt: skip


def _left_open(deployment: Mapping[str, Any], path: Path) -> Iterator[str]:
    """What the answer hangs on and nobody has said."""
    open_fields = [name for name in ("engine", "tp") if name not in deployment]
    if {"tp", "dp", "prefill", "devices"} & deployment.keys() or "llamacpp" in deployment.values():
        open_fields = [name for name in open_fields if name != "tp"]
    defaults = {"engine": "vllm as the engine", "tp": "one device"}
    if open_fields:
        yield (
            f"{path.name} is asked with {' and '.join(defaults[n] for n in open_fields)}, as it "
            "does not say; say it by --launch, or by --set deployment.tp=2"
        )


def _model(run: MeasuredRun, otherwise: str | None) -> str:
    """The model as the run names it, where anybody knows it; else what the user says it is."""
    if not run.model or otherwise is None:
        return run.model or otherwise or ""
    try:
        catalogue.model(run.model)
    except InputError:
        return otherwise
    return run.model
