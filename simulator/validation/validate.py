"""Predictions against measurements: what ``roofsim validate`` prints.

A point is asked of ``predict`` exactly as a user would ask it. Half of all points, by the split
rule, may be fitted; only the other half is scored. Two harder questions are asked beside:
how good is a device whose own calibration is left out, and how good a device's calibration
that never saw the model?
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import Device, class_only
from simulator.roofline.laws.matmul.constants import MATMUL
from simulator.simulate.predict import predict, question
from simulator.simulate.prediction import Prediction
from simulator.simulate.replica import replica_of
from simulator.specs.quantity import Z_80
from simulator.validation.account import Account, Part
from simulator.validation.calibrate.steps import (
    Batch,
    batches,
    fit_steps,
    rates_of,
    with_rates,
)
from simulator.validation.kernels import kernel_parts
from simulator.validation.measured.plain import by_flags_alone
from simulator.validation.measured.point import Point
from simulator.validation.measured.row import Row
from simulator.validation.measured.runs import Told
from simulator.validation.read import PUBLISHED, is_kernel_table, read_rows
from simulator.validation.score import Group, Sample, group_by, summarise
from simulator.validation.standing import by_standing

Progress = Callable[[int, int], None]

SPLIT = (
    "half of the rows (crc32 of what was measured, not of when or in which order) may be used "
    "for calibration; only the other half is scored"
)
THEIRS = "every row of your own files is scored: no calibration was fitted to them"


@dataclass(frozen=True, slots=True)
class Validation:
    """Errors of predictions on rows that no calibration has seen.

    Args:
        files: what was read.
        split: how rows for calibration and for scoring are kept apart.
        rows: scored figures; ``fitted_rows`` were left out for calibration.
        overall: one group for each phase and quantity.
        groups: the same for each device, model, phase and quantity.
        devices: one group for each device and phase.
        standings: one group for each phase and quantity by how the device is known.
        without_device: devices predicted from their class's defaults alone.
        without_model: models predicted by a calibration that never saw them.
        accounts: what became of every row, file by file.
        plain: what was served, asked by its flags alone: for each model, and all of it.
        samples: every scored row, for the parity plot.
        plain_samples: every row of ``plain``.
        theirs: whether any of them are of a user's own file.
        notes: what was assumed to read them.
    """

    files: tuple[str, ...]
    split: str
    rows: int
    fitted_rows: int
    overall: tuple[Group, ...]
    groups: tuple[Group, ...]
    devices: tuple[Group, ...]
    standings: tuple[Group, ...]
    without_device: tuple[Group, ...]
    without_model: tuple[Group, ...]
    accounts: tuple[Account, ...]
    plain: tuple[Group, ...] = ()
    samples: tuple[Sample, ...] = field(repr=False, default=())
    plain_samples: tuple[Sample, ...] = field(repr=False, default=())
    theirs: bool = False
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All figures as plain values, the samples as two arrays."""
        tables = (
            "overall",
            "groups",
            "devices",
            "standings",
            "without_device",
            "without_model",
            "plain",
        )
        found: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        found |= {name: [g.to_dict() for g in getattr(self, name)] for name in tables}
        found["accounts"] = [account.to_dict() for account in self.accounts]
        if self.theirs:
            found["samples"] = [sample.to_dict() for sample in self.samples]
            found["notes"] = list(self.notes)
        measured, predicted = self.parity()
        return found | {"measured": measured.tolist(), "predicted": predicted.tolist()}

    def parity(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Measured and predicted values of every scored row, for a log-log parity plot."""
        measured = np.array([s.measured for s in self.samples], np.float64)
        return measured, np.array([s.predicted for s in self.samples], np.float64)


_PLAIN = ("files", "split", "rows", "fitted_rows")


def validate(
    data: Sequence[Path] = (),
    *,
    told: Told | None = None,
    leave_out: bool = True,
    flags_alone: bool = False,
    progress: Progress | None = None,
) -> Validation:
    """Score predictions on ``data``, or on the project's own table of published figures.

    ``data`` takes results of benchmarks, tables of points (CSV), laboratory documents (JSON) and
    kernel tables (Parquet). ``told`` says what a file does not. ``leave_out`` asks the two harder
    questions of the project's own rows, which takes some seconds. ``flags_alone`` asks what was
    served a second time, by its flags alone. ``progress`` is told (rows done, rows in all).

    Raises:
        InputError: a file that cannot be read or is not understood.
    """
    told = told or Told()
    files = tuple(data) or (PUBLISHED,)
    tables = {f: kernel_parts(f, told.hardware) for f in files if is_kernel_table(f)}
    owned = _owned({f: list(read_rows(f, told)) for f in files if f not in tables})
    points = [p for rows in owned.values() for _, own in rows for p in own]
    asked = [p for p in points if not p.unasked]
    kept = [p for p in asked if p.is_score_row]
    scored, refused = batches(p for p in kept if p.phase != "serve")
    own = [b for b in scored if not b.points[0].theirs]
    to_serve = [p for p in kept if p.phase == "serve"]
    served, unserved = serve_points(to_serve, progress)
    plain = serve_points([by_flags_alone(p) for p in to_serve], progress)[0] if flags_alone else []
    samples = [s for parts in tables.values() for part in parts for s in part.samples]
    samples += [s for b in scored for s in samples_of(b)] + served
    reasons = {_identity(p): reason.split("\n")[0] for p, reason in (*refused, *unserved)}
    reasons |= {_identity(p): p.unasked for p in points if p.unasked}
    accounts = tuple(
        Account.of(str(f), tables[f] if f in tables else [_fate(*row, reasons) for row in owned[f]])
        for f in files
    )
    if not samples:
        most = Counter({reason: n for account in accounts for reason, n in account.refused})
        reasons_told = "; ".join(reason for reason, _ in most.most_common(3))
        raise InputError("no row could be scored", field="data", remedy=reasons_told or None)
    fittable = [p for p in asked if not p.is_score_row]
    known = (p for p in fittable if p.phase != "serve" and not p.fitted)
    return Validation(
        files=tuple(str(f) for f in files),
        split=THEIRS if all(p.theirs for p in points) and points else SPLIT,
        rows=len(samples),
        fitted_rows=len(fittable)
        + sum(part.rows for parts in tables.values() for part in parts if part.is_fitted),
        accounts=accounts,
        overall=group_by(samples, "phase", "quantity"),
        groups=group_by(samples, "hardware", "model", "phase", "quantity"),
        devices=group_by(samples, "hardware", "phase"),
        standings=by_standing(samples),
        without_device=leave_device_out(own) if leave_out else (),
        without_model=leave_model_out(own, batches(known)[0]) if leave_out else (),
        plain=group_by(plain, "model", "phase", "quantity") + group_by(plain, "phase", "quantity"),
        samples=tuple(samples),
        plain_samples=tuple(plain),
        theirs=any(p.theirs for p in points),
        notes=tuple(dict.fromkeys(note for p in kept for note in p.notes)),
    )


def _identity(point: Point) -> tuple[str, float]:
    return point.key, point.value


def _owned(read: Mapping[Path, Sequence[Row]]) -> dict[Path, list[tuple[Row, list[Point]]]]:
    """Every row with those of its figures that no row before it had: dumps repeat themselves."""
    seen: set[tuple[str, float]] = set()
    found: dict[Path, list[tuple[Row, list[Point]]]] = {}
    for file, rows in read.items():
        found[file] = []
        for row in rows:
            own = [p for p in row.points if _identity(p) not in seen]
            seen.update(map(_identity, own))
            found[file].append((row, own))
    return found


def _fate(row: Row, own: Sequence[Point], reasons: Mapping[tuple[str, float], str]) -> Part:
    """What became of one row: scored if any of its figures is, else set aside if any may be."""
    if row.refused or not own:
        return Part(1, refused=row.refused or "it repeats another row")
    told = [reasons.get(_identity(point)) for point in own]
    left = [point for point, reason in zip(own, told, strict=True) if reason is None]
    if not left:
        return Part(1, refused=told[0] or "")
    return Part(1, is_fitted=not any(point.is_score_row for point in left))


def serve_points(
    points: Sequence[Point], progress: Progress | None = None
) -> tuple[list[Sample], list[tuple[Point, str]]]:
    """Simulate every serving point; those that cannot be asked come with the reason."""
    samples: list[Sample] = []
    refused: list[tuple[Point, str]] = []
    answers: dict[str, Prediction | str] = {}
    for i, point in enumerate(points):
        if progress is not None:
            progress(i + 1, len(points))
        key = str((point.hardware, point.model, sorted(point.asked.items(), key=str)))
        if key not in answers:
            answers[key] = _answer(point)
        answer = answers[key]
        if isinstance(answer, str):
            refused.append((point, answer))
        elif getattr(answer, point.quantity) is None:
            refused.append((point, f"the answer has no {point.quantity}"))
        elif _prompts_were_cached(point, answer.ttft_s):
            reason = "its prompts must have been cached: they alone take longer to compute"
            refused.append((point, reason))
        else:
            samples.append(_served(point, answer))
    return samples, refused


def _answer(point: Point) -> Prediction | str:
    """What ``predict`` says of a serving point, or why it says nothing."""
    if point.unasked:
        return point.unasked
    try:
        return predict(point.hardware, point.model, phase="serve", **point.asked)
    except InputError as error:
        return str(error)


def _prompts_were_cached(point: Point, ttft_s: float) -> bool:
    """Whether a closed loop ran faster than its prompts can be computed at sustained peak.

    While one user goes round (waits, then reads the answer), every user's prompt is computed.
    """
    asked = point.asked
    users = asked.get("concurrency")
    if not users or point.quantity != "tpot_s" or "distinct_prompts" in asked:
        return False
    asks = question(point.hardware, point.model, {"phase": "serve", **asked})
    setup = replica_of(asks.hardware, asks.model, asks.deployment)
    prompt = asked["isl"] * (1 - asked.get("length_spread", 0.0) / 2)
    loads = setup.step_model.loads(StepShape.prefill(1, prompt))
    roof_s = sum(float(np.sum(p.compute_roof_s)) for _, parts in loads for p in parts)
    sustained = setup.device.book.law(MATMUL).constants.peak_fraction
    round_s = point.value * asked["osl"] + ttft_s
    return bool(users * roof_s / sustained > round_s)


def _served(point: Point, answer: Prediction) -> Sample:
    value = float(getattr(answer, point.quantity))
    low, high = answer.intervals.get(point.quantity, (np.nan, np.nan))
    # An interval may be longer on one side: what counts is the side of the measured value.
    sigma = abs(float(np.log((high if point.value > value else low) / value))) / Z_80
    phase = "drafted" if "speculation" in point.asked else point.phase
    return Sample(
        point.hardware, point.model, phase, point.quantity, point.value, value, sigma,
        source=point.source, asked=point.described,
    )  # fmt: skip


def samples_of(batch: Batch, device: Device | None = None) -> list[Sample]:
    """What was measured and predicted of a batch of steps, on ``device`` if given."""
    values, sigmas = batch.values(device)
    power_sigma = batch.setup.device.power_sigma
    return [
        Sample(
            p.hardware, p.model, p.phase, p.quantity, p.value, float(value),
            power_sigma if p.quantity == "power_w" else float(sigma),
            source=p.source, asked=p.described,
        )
        for p, value, sigma in zip(batch.points, values, sigmas, strict=True)
    ]  # fmt: skip


def leave_device_out(found: Sequence[Batch]) -> tuple[Group, ...]:
    """Errors of devices as their class's defaults alone predict them, a group for each."""
    samples: list[Sample] = []
    for batch in found:
        bare = class_only(batch.setup.hardware, batch.setup.device)
        if bare is not None:
            samples += samples_of(batch, bare)
    if not samples:
        return ()
    return (*group_by(samples, "hardware", "phase"), *group_by(samples, "phase"))


def leave_model_out(scored: Sequence[Batch], known: Sequence[Batch]) -> tuple[Group, ...]:
    """Errors on each model of rates that were fitted to a device's other models.

    Only for devices that were calibrated by whole models; single kernels know no model.
    """
    samples: list[Sample] = []
    for hardware in sorted({b.points[0].hardware for b in scored}):
        device = next(b.setup.device for b in scored if b.points[0].hardware == hardware)
        if any(law.startswith("benchmark.") for law in device.book.calibrated):
            continue
        asked = [b for b in scored if b.points[0].hardware == hardware]
        others = [b for b in known if b.points[0].hardware == hardware]
        for model in sorted({b.points[0].model for b in asked}):
            samples += _left_out(asked, others, model)
    if not samples:
        return ()
    return (*group_by(samples, "model"), summarise(samples))


def _left_out(asked: Sequence[Batch], known: Sequence[Batch], model: str) -> list[Sample]:
    seen = [b.thinned(_ROWS_A_BATCH) for b in known if b.points[0].model != model]
    if not seen:
        return []
    device = seen[0].setup.device
    bare = class_only(seen[0].setup.hardware, device) or device
    fit = fit_steps(seen[:_MOST_BATCHES], device=bare, tolerance=1e-2)
    fitted = with_rates(bare, {**rates_of(bare), **fit.values})
    mine = [b for b in asked if b.points[0].model == model]
    return [s for b in mine for s in samples_of(b, fitted)]


_ROWS_A_BATCH = 2
_MOST_BATCHES = 6
"""Three numbers are fitted a device; these many rows tell them."""
