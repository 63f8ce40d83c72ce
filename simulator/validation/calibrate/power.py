"""Fitting the power law of a device to loads whose watts, and perhaps clock, were read.

Fit sustained loads only: a sensor that averages over a second reads a shorter run too low.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulator.roofline.device.power import (
    FloatArray,
    held_clock,
    power_calibration,
)
from simulator.roofline.laws.power.constants import PowerShares
from simulator.validation.calibrate.least_squares import Fit, Parameter, fit_log_time
from simulator.validation.split import is_score_row

# Physical ranges of the shares: a start below the limit keeps the gradient alive, since a load
# that is predicted at the limit tells nothing about the energy of its FLOPs and bytes.
SHARE_RANGES: Mapping[str, Parameter] = {
    "idle": Parameter(0.15, 0.02, 0.5),
    "active": Parameter(0.03, 1e-4, 0.4),
    "compute": Parameter(0.9, 0.1, 5.0),
    "memory": Parameter(0.5, 0.05, 2.5),
    "clock_exponent": Parameter(1.5, 0.5, 3.0),
}


@dataclass(frozen=True, slots=True)
class RatedDevice:
    """The data sheet that shares refer to: TDP (W), dense peaks (FLOP/s), HBM (bytes/s)."""

    rated_w: float
    peak_flops: Mapping[str, float]
    hbm_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class PowerLoad:
    """One sustained load: seconds, FLOPs and bytes of one step, its mean watts and its clock.

    ``clock_fraction`` is the core clock read, as a fraction of the full clock, or None.
    """

    name: str
    time_s: float
    datatype: str
    flops: float
    hbm_bytes: float
    watts: float
    clock_fraction: float | None = None


def split_loads(loads: Sequence[PowerLoad]) -> tuple[list[PowerLoad], list[PowerLoad]]:
    """Loads to fit and loads kept back for scoring, by the project's split rule."""
    fit = [load for load in loads if not is_score_row(load.name)]
    return fit, [load for load in loads if is_score_row(load.name)]


def predict_loads(
    shares: PowerShares, device: RatedDevice, loads: Sequence[PowerLoad]
) -> tuple[FloatArray, FloatArray]:
    """Watts and clock that the law gives for loads at their measured times."""
    flops = {
        name: np.array([load.flops if load.datatype == name else 0.0 for load in loads])
        for name in device.peak_flops
    }
    time = np.array([load.time_s for load in loads])
    power = power_calibration(shares, device.rated_w, device.peak_flops, device.hbm_bytes_per_s)
    work_j = power.work_j(flops, np.array([load.hbm_bytes for load in loads]))
    watts = power.drawn_j(time, time, work_j) / time
    return watts, held_clock(power, time, time, work_j)


def fit_power(
    device: RatedDevice,
    loads: Sequence[PowerLoad],
    fixed: PowerShares,
    free: Sequence[str] = ("compute", "memory", "clock_exponent"),
) -> tuple[PowerShares, Fit]:
    """Fit the shares named in ``free``; the others stay as in ``fixed``.

    Watts tell about loads below the limit, the clock about loads at it; both count alike. Idle
    and active power are best fixed or read alone: on loads that stream memory all the time,
    active power cannot be told from energy per byte.
    """
    with_clock = [i for i, load in enumerate(loads) if load.clock_fraction is not None]
    measured = np.array(
        [load.watts for load in loads] + [loads[i].clock_fraction for i in with_clock],
        dtype=np.float64,
    )

    def predict(values: Mapping[str, float]) -> FloatArray:
        watts, clock = predict_loads(replace(fixed, **values), device, loads)
        return np.concatenate([watts, clock[with_clock]])

    fit = fit_log_time(predict, measured, {name: SHARE_RANGES[name] for name in free})
    return replace(fixed, **fit.values), fit


def loads_of(rows: Sequence[Mapping[str, Any]]) -> list[PowerLoad]:
    """Sustained loads among the rows of a micro-benchmark's ``power``, idle ones left out.

    The full clock is the highest that was read. Square products, called like
    ``gemm_bf16_8192``, say their FLOPs alone: their bytes are three matrices read or written once.

    Raises:
        ValueError: a load that says neither its bytes nor its size.
    """
    working = [row for row in rows if not is_idle(row)]
    full_mhz = max((float(row["sm_mhz"]) for row in working if "sm_mhz" in row), default=0.0)
    loads = []
    for row in working:
        tag = str(row["tag"])
        datatype = "fp8" if "fp8" in tag.split("_") else "bf16"
        flops, moved = float(row.get("flops_per_call", 0)), float(row.get("bytes_per_call", 0))
        if not moved:
            size = float(tag.rsplit("_", 1)[1])
            item_bytes = 4.0 if datatype == "fp8" else 6.0  # A and B in datatype, C in bf16
            moved = flops / (2 * size**3) * item_bytes * size**2
        loads.append(
            PowerLoad(
                name=f"power {tag}",
                time_s=float(row["seconds"]) / float(row["calls"]),
                datatype=datatype,
                flops=flops,
                hbm_bytes=moved,
                watts=float(row["watts"]),
                clock_fraction=float(row["sm_mhz"]) / full_mhz if "sm_mhz" in row else None,
            )
        )
    return loads


def is_idle(row: Mapping[str, Any]) -> bool:
    """Whether a row of ``power`` was read while nothing ran."""
    return str(row["tag"]).startswith("idle")
