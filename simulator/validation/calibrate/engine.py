"""A compute engine, fitted to whole steps: tokens a second of models, and steps of engines."""

from collections.abc import Sequence
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
from simulator.validation.read import read_points
from simulator.validation.score import Sample


def fit_engine(data: Sequence[Path], target: Target) -> Fitted:
    """Fit the rates of the engine to whole steps; rows of other devices are passed over.

    Raises:
        InputError: a file that is not understood, or too few rows.
    """
    device = target.device
    files = measured_files(data, _holds_steps, "tables (CSV) or benchmark results (JSON)")
    points = [p for path in files for p in read_points(path, target.asked) if _runs_on(p, device)]
    steps = [p for p in points if p.phase != "serve"]
    fitted, refused = batches(p for p in steps if not p.is_score_row)
    kept, also_refused = batches(p for p in steps if p.is_score_row)
    if not fitted:
        # A handful of rows may all fall on one side; then there is nothing to score.
        fitted, kept = kept, []
    if not fitted:
        raise InputError(
            f"no row of {device.name} can be fitted",
            field="data",
            remedy="; ".join(reason for _, reason in refused[:2]) or "look at its device column",
        )
    fit = fit_steps(fitted)
    new = with_rates(device, {**rates_of(device), **fit.values})
    after = _samples(kept, new)
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
        before=_samples(kept, device),
        after=after,
        refused=tuple((p.key, reason.split("\n")[0]) for p, reason in (*refused, *also_refused)),
    )


def _holds_steps(path: Path) -> bool:
    return path.suffix in (".csv", ".json")


def _runs_on(point: Point, target: Device) -> bool:
    name, _, engine = point.hardware.partition(":")
    hardware = catalogue.hardware(name)
    same = hardware.name == target.name.partition(":")[0]
    return same and (engine or hardware.main_engine) == target.engine


def _samples(kept: Sequence[Batch], device: Device) -> tuple[Sample, ...]:
    return tuple(
        Sample(p.hardware, p.model, p.phase, p.quantity, p.value, float(v), float(s))
        for batch in kept
        for p, v, s in zip(batch.points, *batch.values(device), strict=True)
    )
