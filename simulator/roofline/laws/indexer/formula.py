"""What it costs to look at every earlier entry and keep the best (DeepSeek-V3.2, arXiv:2512.02556).

All functions are pure: they broadcast NumPy arrays (or floats) and return float64 seconds, 0
where there is no work.
"""

import numpy as np
from numpy.typing import ArrayLike

from simulator.roofline.laws.arrays import FloatArray, floats
from simulator.roofline.laws.indexer.constants import IndexerCalibration
from simulator.roofline.laws.overlap import overlapped
from simulator.roofline.laws.rates import DeviceRates

_OVERLAP_EXPONENT = 3.0
"""How well moving hides behind multiplying: (a^p + b^p)^(1/p)."""

RANKED_ENTRIES = 2048.0
"""Entries up to which a row is ranked by comparing all with all; longer ones are first sieved
by a histogram (vLLM's ``top_k_per_row``)."""


def indexer_time_s(
    rates: DeviceRates,
    calibration: IndexerCalibration,
    rows: ArrayLike,
    flops: ArrayLike,
    key_bytes: ArrayLike,
    score_bytes: ArrayLike,
    compared: ArrayLike = 0.0,
) -> FloatArray:
    """Seconds to score entries (``flops``, reading ``key_bytes``) and to pick the best.

    The scores are written by one kernel and read by the next: their ``score_bytes`` do not
    hide behind the products. Picking takes each of the query ``rows`` some time of its own, and
    the ``compared`` pairs of scores theirs.
    """
    count, work, keys, scores = floats(rows, flops, key_bytes, score_bytes)
    multiply_s = work / (rates.peak_flops * calibration.matrix_fraction)
    bandwidth = rates.bandwidth_bytes_per_s * calibration.bandwidth_fraction
    busy_s = overlapped(multiply_s, keys / bandwidth, _OVERLAP_EXPONENT) + scores / bandwidth
    busy_s = busy_s + count * calibration.row_s
    busy_s = busy_s + np.asarray(compared, np.float64) * calibration.rank_s
    return np.where(work > 0.0, calibration.latency_s + busy_s, 0.0)


def comparisons(rows: ArrayLike, first: ArrayLike, last: ArrayLike) -> FloatArray:
    """Comparisons in ``rows`` rows whose entries grow evenly from ``first`` to ``last``."""
    count, low, high = floats(rows, first, last)
    spread = np.maximum(high - low, 1e-6)
    upper, lower = np.minimum(low + spread, RANKED_ENTRIES), np.minimum(low, RANKED_ENTRIES)
    total: FloatArray = count * (upper**3 - lower**3) / (3.0 * spread)
    return total
