"""Fitting a device's calibration section to a file of measurements: ``roofsim calibrate``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import InputError
from simulator.roofline.device.device import Device, resolve
from simulator.specs import catalogue
from simulator.specs.calibration import Calibration
from simulator.validation.calibrate.kernel_fits import fit_kernel_table
from simulator.validation.calibrate.section import section_of_rates
from simulator.validation.calibrate.steps import Batch, batches, fit_steps, rates_of, with_rates
from simulator.validation.calibrate.write import calibration_yaml, place
from simulator.validation.measured.point import Point
from simulator.validation.read import is_kernel_table, read_points
from simulator.validation.score import Group, Sample, group_by


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A fitted section and how well it does on rows it has not seen.

    Args:
        hardware, engine: the device and its compute engine.
        calibration: the section, with an 80 % interval for each constant.
        yaml: the same as text, to stand under ``engines.<engine>`` of the hardware file.
        fitted_rows, scored: rows that were fitted, and errors on the others.
        refused: rows that could not be used, with the reason.
    """

    hardware: str
    engine: str
    calibration: Calibration
    yaml: str
    fitted_rows: int
    scored: tuple[Group, ...]
    refused: tuple[tuple[str, str], ...] = field(repr=False, default=())

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values."""
        return {
            "hardware": self.hardware,
            "engine": self.engine,
            "calibration": self.calibration.model_dump(mode="json", exclude_none=True),
            "yaml": self.yaml,
            "fitted_rows": self.fitted_rows,
            "scored": [group.to_dict() for group in self.scored],
            "refused": [{"row": row, "reason": reason} for row, reason in self.refused],
        }

    def written_into(self, text: str) -> str:
        """The text of a hardware file with this section in its place; the rest is kept."""
        return place(text, ("engines", self.engine), self.yaml)


def calibrate(data: Sequence[Path], device: str, *, measured_with: str | None = None) -> Calibrated:
    """Fit ``device`` (``apple-m4-pro``, or ``apple-m4-pro:cpu``) to ``data``.

    ``data`` are kernel tables (Parquet), tables of whole models (CSV) or benchmark results
    (JSON); rows of other devices are passed over. Half of the rows are fitted by robust least
    squares on log time; the errors told are of the other half.

    Raises:
        InputError: an unknown device, a file that is not understood, or too few rows.
    """
    name, _, engine = device.partition(":")
    hardware = catalogue.hardware(name)
    target = resolve(hardware, engine or None)
    tables = [path for path in data if is_kernel_table(path)]
    if tables:
        return _from_kernels(tables, target, hardware.name, measured_with)
    points = [p for path in data for p in read_points(path, device) if _runs_on(p, target)]
    steps = [p for p in points if p.phase != "serve"]
    fitted, refused = batches(p for p in steps if not p.is_score_row)
    kept, also_refused = batches(p for p in steps if p.is_score_row)
    if not fitted:
        # A handful of rows may all fall on one side; then there is nothing to score.
        fitted, kept = kept, []
    if not fitted:
        raise InputError(
            f"no row of {device} can be fitted",
            field="data",
            remedy="; ".join(reason for _, reason in refused[:2]) or "look at its device column",
        )
    fit = fit_steps(fitted)
    found = with_rates(target, {**rates_of(target), **fit.values})
    samples = [s for b in kept for s in _samples(b, found)]
    sources = sorted({p.source.split(",")[0] for b in fitted for p in b.points if p.source})
    section = section_of_rates(
        target,
        fit,
        measured_with=measured_with or "whole models: " + "; ".join(sources[:3]),
        as_of=date.today().isoformat(),
        score_log_errors={
            phase: np.array([s.log_ratio for s in samples if s.phase == phase])
            for phase in {s.phase for s in samples}
        },
    )
    return Calibrated(
        hardware=hardware.name,
        engine=target.engine,
        calibration=section,
        yaml=calibration_yaml(section),
        fitted_rows=sum(len(b.points) for b in fitted),
        scored=group_by(samples, "hardware", "phase", "quantity"),
        refused=tuple((p.key, reason.split("\n")[0]) for p, reason in (*refused, *also_refused)),
    )


def _from_kernels(
    tables: Sequence[Path], target: Device, hardware: str, measured_with: str | None
) -> Calibrated:
    found = [fit_kernel_table(path, target) for path in tables]
    constants = {law: c for one in found for law, c in one.constants.items()}
    residual = {law: r for one in found for law, r in one.residual.items()}
    rows = sum(one.rows for one in found)
    section = Calibration.model_validate(
        {
            "measured_with": measured_with or "kernel tables " + ", ".join(p.name for p in tables),
            "as_of": date.today().isoformat(),
            "rows": rows,
            "kernels": {law: f for one in found for law, f in one.kernels.items()},
            "constants": constants,
            "residual": residual,
        }
    )
    samples = [s for one in found for s in one.samples]
    return Calibrated(
        hardware=hardware,
        engine=target.engine,
        calibration=section,
        yaml=calibration_yaml(section),
        fitted_rows=rows,
        scored=group_by(samples, "hardware", "phase", "quantity"),
    )


def _runs_on(point: Point, target: Device) -> bool:
    name, _, engine = point.hardware.partition(":")
    hardware = catalogue.hardware(name)
    same = hardware.name == target.name.partition(":")[0]
    return same and (engine or hardware.main_engine) == target.engine


def _samples(batch: Batch, device: Device) -> list[Sample]:
    values, sigmas = batch.values(device)
    return [
        Sample(p.hardware, p.model, p.phase, p.quantity, p.value, float(v), float(s))
        for p, v, s in zip(batch.points, values, sigmas, strict=True)
    ]
