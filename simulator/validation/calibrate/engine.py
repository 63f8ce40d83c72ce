"""A compute engine, fitted to whole steps: tokens a second of models, and steps of engines."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from simulator.errors import InputError
from simulator.roofline.device.device import Device
from simulator.specs import catalogue
from simulator.validation.calibrate.fitted import Fitted, Target
from simulator.validation.calibrate.measured_files import measured_files
from simulator.validation.calibrate.section import section_of_rates
from simulator.validation.calibrate.steps import Batch, batches, fit_steps, rates_of, with_rates
from simulator.validation.measured.point import Point
from simulator.validation.measured.runs import Told
from simulator.validation.read import read_points
from simulator.validation.score import Sample


def fit_engine(data: Sequence[Path], target: Target) -> Fitted:
    """Fit the rates of the engine to whole steps; rows of other devices are passed over.

    Raises:
        InputError: a file that is not understood, or too few rows.
    """
    device = target.device
    files = measured_files(data, _holds_steps, "tables (CSV) or benchmark results (JSON)")
    told = Told(target.asked)
    points = [p for path in files for p in read_points(path, told) if _runs_on(p, device)]
    steps = [p for p in points if p.phase != "serve"]
    fitted, refused = batches(p for p in steps if not p.is_score_row)
    kept, also_refused = batches(p for p in steps if p.is_score_row)
    unsplit = not fitted
    if unsplit:
        # A user's own rows, or a handful that all fall on one side: each is scored by a fit to the
        # others.
        fitted, kept = kept, []
    if not fitted:
        raise InputError(
            f"no row of {device.name} can be fitted",
            field="data",
            remedy="; ".join(reason for _, reason in refused[:2]) or "look at its device column",
        )
    fit = fit_steps(fitted)
    new = with_rates(device, {**rates_of(device), **fit.values})
    before = _samples(fitted if unsplit else kept, device)
    after = _left_out(fitted, device) if unsplit else _samples(kept, new)
    sources = sorted({p.source.split(",")[0] for b in fitted for p in b.points if p.source})
    section = section_of_rates(
        device,
        fit,
        measured_with="whole models: " + ", ".join(sources[:3]),
        as_of=date.today().isoformat(),
        score_log_errors={
            phase: np.array([s.log_ratio for s in after if s.phase == phase])
            for phase in {s.phase for s in after}
        },
    )
    return Fitted(
        "engines",
        device.engine,
        section,
        before=before,
        after=after,
        refused=tuple((p.key, reason.split("\n")[0]) for p, reason in (*refused, *also_refused)),
    )


def _holds_steps(path: Path) -> bool:
    return path.suffix in (".csv", ".json", ".jsonl", ".md")


def _runs_on(point: Point, target: Device) -> bool:
    name, _, engine = point.hardware.partition(":")
    hardware = catalogue.hardware(name)
    same = hardware.name == target.name.partition(":")[0]
    return same and (engine or hardware.main_engine) == target.engine


def _left_out(found: Sequence[Batch], device: Device) -> tuple[Sample, ...]:
    """Every row as a fit to all others predicts it, in the order of the batches."""
    samples: list[Sample] = []
    for batch in found:
        for point in batch.points:
            fewer = (replace(b, points=tuple(p for p in b.points if p is not point)) for b in found)
            others = [b for b in fewer if b.points]
            tried = device
            if others:
                fit = fit_steps(others, tolerance=1e-3)
                tried = with_rates(device, {**rates_of(device), **fit.values})
            samples += _samples([replace(batch, points=(point,))], tried)
    return tuple(samples)


def _samples(kept: Sequence[Batch], device: Device) -> tuple[Sample, ...]:
    return tuple(
        Sample(p.hardware, p.model, p.phase, p.quantity, p.value, float(v), float(s))
        for batch in kept
        for p, v, s in zip(batch.points, *batch.values(device), strict=True)
    )
