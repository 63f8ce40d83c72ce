"""How well a class of devices tells of one that nobody measured: each left out of the fit in turn.

    python -m simulator.validation.class_defaults [FILES of measurements]

A class holds three numbers that decode steps can tell (see ``calibrate.steps``). They are fitted to
the decode steps of all devices that are like it but one, every device weighing the same, and that
one is predicted. The interval is theirs too: how far one more device may be from so few, after how
far they scatter about their common fit. The last row is the fit to all, for the file of the class.
"""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from simulator.roofline.device.device import Device, resolve
from simulator.specs.catalogue import engine_profile
from simulator.specs.hardware import DeviceClass
from simulator.specs.quantity import Z_80
from simulator.validation.calibrate.least_squares import fit_log_time
from simulator.validation.calibrate.steps import PRIOR_SIGMA, RATES, Batch, batches, with_rates
from simulator.validation.measured.point import Point
from simulator.validation.read import PUBLISHED, read_points

FloatArray = NDArray[np.float64]

CLASS: DeviceClass = "datacenter-accelerator"
LIKE = (
    "gaudi-2", "trainium1", "trainium2", "ascend-910b", "tpu-v6e", "mi300x",
)  # fmt: skip
"""Devices of many designs whose software is not that of NVIDIA's GPUs, and which were measured."""

_OLDEST = date(2025, 1, 1)
_FREE = ("bandwidth", "cache", "start_s")
"""What decode steps tell; the share of compute is that of prompts, and stays the class's."""
_DEVICE_SIGMA, _ROW_SIGMA = 0.3, 0.1
"""Rows of a device share its error: together they count as one reading that is so uncertain."""
_BATCHES, _ROWS_A_BATCH = 8, 4
"""So many rows of a device tell its numbers."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One device as the others tell it.

    Args:
        device: its name; empty where none was left out.
        rates: fitted to the others.
        sigma: of log time; its 80 % interval is that of one more device, told by so few.
        errors: log of predicted over measured time of every row of the device.
    """

    device: str
    rates: Mapping[str, float]
    sigma: float
    errors: FloatArray

    @property
    def median_error(self) -> float:
        """Median absolute relative error of a step's time."""
        return float(np.median(np.abs(np.expm1(self.errors))))

    @property
    def inside(self) -> float:
        """Share of rows in the 80 % interval."""
        return float(np.mean(np.abs(self.errors) <= Z_80 * self.sigma))


def decode_points(points: Iterable[Point]) -> list[Point]:
    """What mostly decodes: steps, served answers at their mean length, and runs of long answers.

    Software of before 2025 is left out: the class is to tell what today's reaches.
    """
    found = []
    for point in points:
        asked = point.question
        if engine_profile(asked["engine"]).as_of < _OLDEST:
            continue
        if point.phase == "decode" or (point.phase == "run" and asked["osl"] >= asked["isl"]):
            found.append(point)
        elif point.phase == "serve" and point.quantity == "tpot_s" and "concurrency" in asked:
            rest = {k: v for k, v in asked.items() if k not in ("isl", "osl", "concurrency")}
            step = {"batch": asked["concurrency"], "context": asked["isl"] + asked["osl"] // 2}
            found.append(replace(point, phase="decode", question={**rest, **step}))
    return found


def leave_one_out(points: Iterable[Point], like: Sequence[str] = LIKE) -> list[LeftOut]:
    """Every device of ``like`` that has rows, told by the others; at last the fit to all."""
    found, _ = batches(p for p in decode_points(points) if p.hardware in like)
    of_device: dict[str, list[Batch]] = {}
    for batch in found:
        of_device.setdefault(batch.points[0].hardware, []).append(batch)
    bare = {name: _as_class(steps[0]) for name, steps in of_device.items()}
    results = []
    for left in (*sorted(of_device), ""):
        rates, sigma = _fit({n: s for n, s in of_device.items() if n != left}, bare)
        named = [left] if left else list(of_device)
        errors = [_log_errors(of_device[n], with_rates(bare[n], rates)) for n in named]
        results.append(LeftOut(left, rates, sigma, np.concatenate(errors)))
    return results


def _as_class(batch: Batch) -> Device:
    """The device of a batch as if it were of the class and nobody had measured it."""
    hardware, engine = batch.setup.hardware, batch.setup.device.engine
    part = hardware.engines[engine].model_copy(update={"calibration": None})
    engines = {**hardware.engines, engine: part}
    return resolve(hardware.model_copy(update={"engines": engines, "device_class": CLASS}), engine)


def _fit(
    of_device: Mapping[str, Sequence[Batch]], bare: Mapping[str, Device]
) -> tuple[dict[str, float], float]:
    """The rates that fit all devices, and how far these scatter about them."""
    few = {n: _thinned(steps) for n, steps in of_device.items()}
    free = {name: RATES[name] for name in _FREE}
    weights = [
        np.full(rows, 1.0 / (_DEVICE_SIGMA**2 * rows))
        for rows in (sum(len(b.points) for b in steps) for steps in few.values())
    ]
    priors = np.array([PRIOR_SIGMA[name] ** -2 for name in free])

    def predict(values: Mapping[str, float]) -> FloatArray:
        errors = [_log_errors(steps, with_rates(bare[n], values)) for n, steps in few.items()]
        moved = np.array([values[name] / free[name].start for name in free])
        return np.concatenate([np.exp(np.concatenate(errors)), moved])

    weight = np.concatenate([*weights, priors]) * _ROW_SIGMA**2
    fit = fit_log_time(predict, np.ones_like(weight), free, weight, 1e-4)
    errors = [_log_errors(s, with_rates(bare[n], fit.values)) for n, s in of_device.items()]
    return dict(fit.values), _of_one_more(float(np.mean([np.mean(e**2) for e in errors])), len(few))


def _of_one_more(scatter: float, devices: int) -> float:
    """The sigma of one more device, of a mean square about a middle fitted to ``devices``.

    Both the middle and the scatter of few devices are uncertain: Student's t tells by how much.
    """
    freedom = max(1, devices - 1)
    wider = float(stdtrit(freedom, 0.9)) / Z_80 * math.sqrt(1.0 + 1.0 / devices)
    return math.sqrt(scatter * devices / freedom) * wider


def _thinned(steps: Sequence[Batch]) -> list[Batch]:
    every = max(1, -(-len(steps) // _BATCHES))
    return [batch.thinned(_ROWS_A_BATCH) for batch in steps[::every]]


def _log_errors(steps: Sequence[Batch], device: Device) -> FloatArray:
    """log(predicted / measured) of the time of every row; a rate is a time's inverse."""
    found = []
    for batch in steps:
        predicted, _ = batch.values(device)
        measured = np.array([p.value for p in batch.points])
        is_time = np.array([p.quantity.endswith("_s") and "_per_" not in p.quantity
                            for p in batch.points])  # fmt: skip
        found.append(np.log(predicted / measured) * np.where(is_time, 1.0, -1.0))
    return np.concatenate(found)


def table(results: Sequence[LeftOut]) -> str:
    """Lines of text: a device each, all left out together, and the fit to all."""
    head = ("rows", "median error", "bias", "inside", "sigma")
    lines = [f"{'left out':<14}" + "".join(f"{name:>14}" for name in head) + "  fitted"]
    for found in results:
        rates = "  ".join(f"{name} {value:.3g}" for name, value in found.rates.items())
        bias = float(np.exp(np.median(found.errors)))
        figures = f"{len(found.errors):>14}{found.median_error:>14.1%}{bias:>14.2f}"
        figures += f"{found.inside:>14.0%}{found.sigma:>14.2f}"
        lines.append(f"{found.device or 'none':<14}{figures}  {rates}")
    left = [found for found in results if found.device]
    middle = float(np.median([found.median_error for found in left]))
    rows = float(np.median(np.abs(np.expm1(np.concatenate([found.errors for found in left])))))
    inside = float(np.mean([found.inside for found in left]))
    lines.append(
        f"each left out once: median error {middle:.1%} of devices, {rows:.1%} of rows; "
        f"{inside:.0%} inside the 80 % interval, devices weighing the same"
    )
    return "\n".join(lines)


def main(files: Sequence[str]) -> None:
    """Print the table of the measurements in ``files``, or of the project's own."""
    paths = [Path(file) for file in files] or [PUBLISHED]
    print(table(leave_one_out(point for path in paths for point in read_points(path))))


if __name__ == "__main__":
    main(sys.argv[1:])
