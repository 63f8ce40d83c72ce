"""Small kernels that quantise activations: passes whose scales may need a maximum first."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.roofline.laws.arrays import FloatArray
from simulator.roofline.laws.elementwise.constants import ElementwiseCalibration
from simulator.roofline.laws.elementwise.formula import elementwise_time_s

ArrayLike = Any


@dataclass(frozen=True, slots=True)
class QuantiseScheme:
    """How a scheme finds its scales: a fact of the engine's kernels."""

    name: str
    kernels: int = 1
    """Launches, each of which reads the input."""
    reduces_rows: bool = False
    """Whether a row's maximum must be known before the row can be written."""
    reduces_tensor: bool = False
    """Whether one maximum over the whole tensor must be known first."""
    group: int = 0
    """Elements that share a stored scale; 0 stores one scale a row at most."""
    scale_bits: float = 32.0


STATIC = QuantiseScheme("static")
"""Scale known beforehand: one pass."""
PER_TOKEN = QuantiseScheme("per-token", reduces_rows=True)
"""One dynamic scale a row: the row is read twice, the second time mostly from the cache."""
PER_TENSOR = QuantiseScheme("per-tensor", kernels=2, reduces_tensor=True)
"""One dynamic scale for all: a pass for the maximum, then a static pass."""
PER_GROUP_128 = QuantiseScheme("per-group-128", group=128)
"""One scale for 128 neighbours (block-scaled 8-bit): one pass."""
PER_GROUP_16 = QuantiseScheme("per-group-16", group=16, scale_bits=8.0)
"""One 8-bit scale for 16 neighbours (NVFP4): one pass."""


def quantise_time_s(
    rows: ArrayLike,
    width: ArrayLike,
    scheme: QuantiseScheme,
    *,
    bandwidth_bytes_per_s: float,
    units: int,
    calibration: ElementwiseCalibration,
    cache_bytes: float = 0.0,
    input_bits: float = 16.0,
    output_bits: float = 8.0,
) -> FloatArray:
    """Seconds to quantise ``rows x width`` activations under ``scheme``; arrays broadcast.

    A scheme that needs a row's maximum reads the row again; the second read comes from memory
    for that part of the rows in flight that does not fit ``cache_bytes``.
    """
    rows, width = np.broadcast_arrays(np.asarray(rows, np.float64), np.asarray(width, np.float64))
    read = rows * width * input_bits / 8.0
    written = rows * width * output_bits / 8.0
    if scheme.group:
        written = written + rows * np.ceil(width / scheme.group) * scheme.scale_bits / 8.0
    bandwidth = bandwidth_bytes_per_s * calibration.bandwidth_fraction
    total_s = elementwise_time_s(
        read + written, bandwidth_bytes_per_s=bandwidth_bytes_per_s, calibration=calibration,
        rows=rows, row_elements=width,
    )  # fmt: skip
    if scheme.reduces_rows:
        in_flight = np.minimum(rows, _ROWS_IN_FLIGHT_PER_UNIT * units) * width * input_bits / 8.0
        spilled = np.minimum(1.0, in_flight / cache_bytes) if cache_bytes > 0.0 else 1.0
        again_s = np.maximum(
            read * spilled / bandwidth,
            np.maximum(
                rows * calibration.reduce_s * np.minimum(1.0, width / _FULL_BLOCK_ELEMENTS),
                width * calibration.element_s,
            ),
        )
        total_s = total_s + calibration.sync_s + again_s
    if scheme.reduces_tensor:
        total_s = (
            total_s
            + calibration.launch_s
            + np.maximum(
                read / (bandwidth_bytes_per_s * calibration.reduce_bandwidth_fraction),
                rows * calibration.atomic_s,
            )
        )
    return np.where((rows > 0) & (width > 0), total_s, 0.0)


_FULL_BLOCK_ELEMENTS = 512
"""Row width from which a thread block is as large as it gets; shorter rows use smaller ones."""
_ROWS_IN_FLIGHT_PER_UNIT = 4
"""Thread blocks of a row each that one unit holds (1,024 threads of 2,048, times two kernels)."""
