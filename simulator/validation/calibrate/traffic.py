"""Fitting the host-link laws to timed copies and gathers of a micro-benchmark document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from simulator.roofline.laws.lookup.constants import GatherCalibration
from simulator.roofline.laws.lookup.formula import gather_time_s
from simulator.roofline.off_device.traffic import (
    ContentionCalibration,
    CopyCalibration,
    FloatArray,
    copy_time_s,
)
from simulator.validation.calibrate.least_squares import Fit, Parameter, fit_log_time
from simulator.validation.split import is_score_row

Rows = Sequence[Mapping[str, float | str]]

COPY_RANGES: Mapping[str, Parameter] = {
    "efficiency": Parameter(0.85, 0.3, 1.0),
    "floor_s": Parameter(6e-6, 1e-6, 5e-5),
    "overhead_s": Parameter(2e-6, 1e-7, 2e-5),
}
# The floor is the launch of the same kernel wherever its rows lie, so it is fitted on device
# memory, where most points show it, and taken over for host memory.
HOST_GATHER_RANGES: Mapping[str, Parameter] = {
    "efficiency": Parameter(0.8, 0.3, 1.0),
    "latency_s": Parameter(5e-6, 1e-7, 5e-5),
    "lookups_per_s": Parameter(4e7, 1e6, 1e9),
    "exposed": Parameter(0.5, 0.05, 1.0),
}
DEVICE_GATHER_RANGES: Mapping[str, Parameter] = {
    "efficiency": Parameter(0.8, 0.3, 1.0),
    "floor_s": Parameter(9e-6, 1e-6, 5e-5),
    "lookups_per_s": Parameter(5e9, 1e8, 1e11),
}


MOVES_IN_DEVICE = 2.0
"""A byte gathered from device memory is read and written there."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Timed points as arrays: size of a copy or row (bytes), rows, seconds, kept for scoring."""

    nbytes: FloatArray
    rows: FloatArray
    seconds: FloatArray
    score: NDArray[np.bool_]

    def pick(self, chosen: NDArray[np.bool_]) -> "Timed":
        """The points chosen by a mask."""
        return Timed(
            self.nbytes[chosen], self.rows[chosen], self.seconds[chosen], self.score[chosen]
        )


def timed_copies(copies: Rows, kind: str, device: str) -> Timed:
    """One kind of copy (h2d, d2h, bidir, h2d_pageable) of a document's ``pcie``."""
    rows = [row for row in copies if row["kind"] == kind]
    names = [f"copy {device} {kind} {row['nbytes']}" for row in rows]
    return _timed(rows, "nbytes", [1.0] * len(rows), names)


def timed_gathers(gathers: Rows, where: str, device: str) -> Timed:
    """Gathers from ``host`` or ``hbm`` of a document's ``gather``."""
    rows = [row for row in gathers if row["where"] == where]
    names = [f"gather {device} {where} {row['row_bytes']} {row['rows']}" for row in rows]
    return _timed(rows, "row_bytes", [float(row["rows"]) for row in rows], names)


def fit_copies(
    one_way: Timed, link_bytes_per_s: float, start: CopyCalibration
) -> tuple[CopyCalibration, Fit]:
    """Fit bandwidth, floor and overhead of copies one way; the rest stays as in ``start``.

    The floor is only told by copies that are small enough to take it.
    """
    chosen = one_way.pick(~one_way.score)
    beyond_floor_s = start.overhead_s + chosen.nbytes / (start.efficiency * link_bytes_per_s)
    told = np.any(beyond_floor_s < start.floor_s)
    free = {name: where for name, where in COPY_RANGES.items() if told or name != "floor_s"}

    def predict(values: Mapping[str, float]) -> FloatArray:
        return copy_time_s(replace(start, **values), chosen.nbytes, link_bytes_per_s)

    fit = fit_log_time(predict, chosen.seconds, free)
    return replace(start, **fit.values), fit


def duplex_efficiency(copy: CopyCalibration, both_ways: Timed, link_bytes_per_s: float) -> float:
    """Share of its rate that each direction keeps, from copies timed both ways at once."""
    alone_s = copy_time_s(copy, both_ways.nbytes, link_bytes_per_s)
    shares = (alone_s - copy.overhead_s) / (both_ways.seconds - copy.overhead_s)
    return min(1.0, float(np.mean(shares)))


def joined(first: Timed, second: Timed) -> Timed:
    """The points of both."""
    return Timed(
        *(np.concatenate([getattr(first, f.name), getattr(second, f.name)]) for f in fields(Timed))
    )


def fit_gathers(
    gathers: Timed,
    bytes_per_s: float,
    start: GatherCalibration,
    ranges: Mapping[str, Parameter],
    moves_per_byte: float = 1.0,
) -> tuple[GatherCalibration, Fit]:
    """Fit the constants named in ``ranges``; granule and resident rows stay as in ``start``."""
    chosen = gathers.pick(~gathers.score)

    def predict(values: Mapping[str, float]) -> FloatArray:
        return gather_time_s(
            replace(start, **values),
            chosen.rows,
            chosen.nbytes,
            bytes_per_s,
            moves_per_byte=moves_per_byte,
        )

    fit = fit_log_time(predict, chosen.seconds, ranges)
    return replace(start, **fit.values), fit


def fit_contention(
    beside_copy: FloatArray,
    beside_gather: FloatArray,
    copy_bytes_per_s: float,
    gather_bytes_per_s: float,
    hbm_bytes_per_s: float,
    lost_units: float,
) -> ContentionCalibration:
    """Both interferences from measured slow-down factors, as least squares of the factor.

    The factors must be of kernels that the traffic accompanied all the way.
    ``lost_units`` is the share of the device's units that the gather's blocks hold.
    """
    copy_share = copy_bytes_per_s / hbm_bytes_per_s
    copy_interference = max(0.0, float(np.mean(beside_copy - 1.0)) / copy_share)
    from_link = copy_interference * gather_bytes_per_s / hbm_bytes_per_s
    from_units = float(np.mean(beside_gather - 1.0)) - from_link
    return ContentionCalibration(
        copy_interference=copy_interference,
        core_interference=max(0.0, from_units * (1.0 - lost_units) / lost_units),
    )


def _timed(rows: Rows, size: str, counts: Sequence[float], names: Sequence[str]) -> Timed:
    return Timed(
        nbytes=np.array([float(row[size]) for row in rows]),
        rows=np.array(counts, dtype=np.float64),
        seconds=np.array([float(row["s"]) for row in rows]),
        score=np.array([is_score_row(name) for name in names], dtype=np.bool_),
    )
