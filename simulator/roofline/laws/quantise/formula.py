"""Small memory-bound kernels: quantising activations, norms, rope, cache writes, residuals.

Each is a launch plus the larger of three times: moving its bytes, walking the rows that one
unit gets (a thread block a row) and walking the longest row. On real engines the launch is most
of it, which is why kernels must be counted as well as bytes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ArrayLike = Any


@dataclass(frozen=True, slots=True)
class ElementwiseCalibration:
    """What measurement adds to the data sheet for small kernels of one device."""

    launch_s: float
    """One kernel that moves next to nothing, inside a captured graph (seconds)."""
    bandwidth_fraction: float
    """Share of the memory bandwidth that a streaming kernel reaches."""
    row_s: float = 0.0
    """Device time for each row (thread block) started (seconds)."""
    element_s: float = 0.0
    """Time for each element of one row: the row's own serial walk (seconds)."""
    reduce_s: float = 0.0
    """Further time for each row whose maximum must be known before it is written (seconds)."""
    sync_s: float = 0.0
    """Waiting once for such a maximum: the reduction's own latency (seconds)."""
    atomic_s: float = 0.0
    """Time for each row that updates one maximum for the whole tensor (seconds)."""
    reduce_bandwidth_fraction: float = 1.0
    """Share of the memory bandwidth that a pass for such a maximum reaches."""

    def __post_init__(self) -> None:
        """Refuse constants that no machine can have (ValueError names the field)."""
        if not 0.0 < self.bandwidth_fraction <= 1.0:
            raise ValueError(f"bandwidth_fraction must lie in (0, 1]: {self.bandwidth_fraction}")
        for name in ("launch_s", "row_s", "element_s", "reduce_s", "sync_s", "atomic_s"):
            if getattr(self, name) < 0.0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")


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

SCHEMES = {s.name: s for s in (STATIC, PER_TOKEN, PER_TENSOR, PER_GROUP_128, PER_GROUP_16)}


def elementwise_time_s(
    moved_bytes: ArrayLike,
    *,
    bandwidth_bytes_per_s: float,
    calibration: ElementwiseCalibration,
    kernels: ArrayLike = 1.0,
    rows: ArrayLike = 0.0,
    row_elements: ArrayLike = 0.0,
) -> FloatArray:
    """Seconds of ``kernels`` small kernels that together move ``moved_bytes`` (read + written).

    ``rows`` and ``row_elements`` describe kernels that give each row to a thread block; leave
    them out for kernels that split their work evenly. Arrays broadcast.
    """
    bandwidth = bandwidth_bytes_per_s * calibration.bandwidth_fraction
    busy_s = np.maximum(
        np.asarray(moved_bytes, np.float64) / bandwidth,
        np.maximum(
            np.asarray(rows, np.float64) * calibration.row_s,
            np.asarray(row_elements, np.float64) * calibration.element_s,
        ),
    )
    return np.asarray(np.asarray(kernels, np.float64) * calibration.launch_s + busy_s, np.float64)


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
