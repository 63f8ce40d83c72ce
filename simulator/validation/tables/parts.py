"""Rows of one kernel of a table that are scored, set aside or refused, as parts of its account."""

import numpy as np
from numpy.typing import NDArray

from simulator.roofline.device.device import Device
from simulator.validation.account import Part
from simulator.validation.score import Sample

FloatArray = NDArray[np.float64]

LEAST_ROWS = 8
"""Rows that tell what a table timed beside its kernels; with fewer nothing is looked for."""


def scored(
    device: Device,
    name: str,
    sigma: float | FloatArray,
    measured_s: FloatArray,
    predicted_s: FloatArray,
    *,
    bare_s: FloatArray | None = None,
    repeats: NDArray[np.int_] | None = None,
    noise_s: float = 0.0,
) -> Part:
    """Rows with what the laws say of them.

    Args:
        sigma: relative error of what they say (standard deviation of the logarithm).
        bare_s: what it says without what the table timed beside the kernel, where that was looked
            for in the table.
        repeats: rows of the file that each stands for, where one may be measured several times.
    """
    sigmas = np.broadcast_to(sigma, len(measured_s))
    bare = np.full(len(measured_s), np.nan) if bare_s is None else bare_s
    samples = []
    for seconds, said, error, alone in zip(
        *(column.tolist() for column in (measured_s, predicted_s, sigmas, bare)), strict=True
    ):
        short = seconds < noise_s
        phase = f"{name}, short" if short else name
        samples.append(
            Sample(
                device.name, "kernel", phase, "time_s", seconds, said, error, short,
                "kernel table", bare=alone,
            )
        )  # fmt: skip
    rows = len(samples) if repeats is None else int(repeats.sum())
    return Part(rows, tuple(samples))


def set_aside(rows: int) -> Part:
    """Rows to which a calibration may be fitted."""
    return Part(rows, is_fitted=True)
