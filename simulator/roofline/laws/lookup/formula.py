"""Time in which a kernel gathers small rows, from device memory or over a link."""

import numpy as np
from numpy.typing import ArrayLike

from simulator.roofline.laws.arrays import FloatArray
from simulator.roofline.laws.lookup.constants import GatherCalibration


def gather_time_s(
    calibration: GatherCalibration,
    rows: ArrayLike,
    row_bytes: ArrayLike,
    bytes_per_s: ArrayLike,
    *,
    moves_per_byte: float = 1.0,
) -> FloatArray:
    """Seconds that one kernel takes to gather ``rows`` random rows of ``row_bytes`` each.

    ``bytes_per_s`` is the data sheet's bandwidth of what binds: the host link, or device memory,
    where a gathered byte is read and written (``moves_per_byte`` 2). A gather whose rows were
    never touched before has no resident rows: ``replace(calibration, resident_rows=0)``.
    """
    count = np.asarray(rows, dtype=np.float64)
    granules = np.ceil(np.asarray(row_bytes, dtype=np.float64) / calibration.granule_bytes)
    moved = count * granules * calibration.granule_bytes * moves_per_byte
    transfer = moved / (calibration.efficiency * np.asarray(bytes_per_s, dtype=np.float64))
    misses = np.maximum(count - calibration.resident_rows, 0.0)
    lookup = misses / calibration.lookups_per_s
    streaming = np.maximum(transfer, lookup + calibration.exposed * transfer)
    time = np.maximum(calibration.floor_s, calibration.latency_s + streaming)
    return np.where(moved > 0, time, 0.0)
