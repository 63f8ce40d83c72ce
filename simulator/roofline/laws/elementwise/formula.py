"""Small memory-bound kernels: norms, rope, cache writes, residuals.

Each is a launch plus the larger of three times: moving its bytes, walking the rows that one
unit gets (a thread block a row) and walking the longest row. On real engines the launch is most
of it, which is why kernels must be counted as well as bytes.
"""

from typing import Any

import numpy as np

from simulator.roofline.laws.arrays import FloatArray
from simulator.roofline.laws.elementwise.constants import ElementwiseCalibration

ArrayLike = Any


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
