"""What it costs to carry a state along: linear attention and state-space layers.

One token at a time in decode, chunkwise in prompts (arXiv:2406.06484, arXiv:2405.21060).

All functions are pure: they broadcast NumPy arrays (or floats) and return float64 seconds, 0
where there is no work.
"""

import numpy as np
from numpy.typing import ArrayLike

from simulator.roofline.laws.arrays import FloatArray, floats
from simulator.roofline.laws.overlap import overlapped
from simulator.roofline.laws.rates import DeviceRates
from simulator.roofline.laws.recurrence.constants import (
    RecurrentScanCalibration,
    RecurrentStepCalibration,
)

_OVERLAP_EXPONENT = 3.0
"""How well moving hides behind multiplying: (a^p + b^p)^(1/p)."""

CHAIN_STATE_BYTES = 65536.0
"""State that one work item of a scan keeps in its unit: 128 × 128 numbers of four bytes."""
CHUNK_TOKENS = 64.0
"""Tokens that a chunkwise scan multiplies at once, one chunk after the other."""


def recurrent_step_time_s(
    rates: DeviceRates,
    calibration: RecurrentStepCalibration,
    state_bytes: ArrayLike,
    row_bytes: ArrayLike,
    kernels: ArrayLike = 1.0,
) -> FloatArray:
    """Seconds to move all states of a decode step through the units and back.

    ``state_bytes`` of all sequences are read and written once, ``row_bytes`` beside them.
    """
    states, others, launches = floats(state_bytes, row_bytes, kernels)
    moved = 2.0 * states + others
    move_s = moved / (rates.bandwidth_bytes_per_s * calibration.bandwidth_fraction)
    return np.where(moved > 0.0, launches * calibration.latency_s + move_s, 0.0)


def recurrent_scan_time_s(
    rates: DeviceRates,
    calibration: RecurrentScanCalibration,
    sequences: ArrayLike,
    tokens: ArrayLike,
    state_bytes: ArrayLike,
    flops_per_row: ArrayLike,
    bytes_per_row: ArrayLike,
    kernels: ArrayLike = 1.0,
) -> FloatArray:
    """Seconds to scan ``tokens`` new rows in each of ``sequences``, chunk after chunk.

    A chain is the part of one sequence's ``state_bytes`` that a unit holds (a head, mostly); its
    chunks follow each other, so a prompt alone uses as many units as it has chains however long
    it is, and chains beyond the units wait for the next round.
    """
    count, length, state, flops, size, launches = floats(
        sequences, tokens, state_bytes, flops_per_row, bytes_per_row, kernels
    )
    chains = count * state / CHAIN_STATE_BYTES
    rounds = np.ceil(chains / rates.units - 1e-9)
    chunks = np.ceil(length / CHUNK_TOKENS)
    chunk_flops = flops * CHUNK_TOKENS * CHAIN_STATE_BYTES / np.maximum(state, 1e-9)
    chunk_s = chunk_flops / (rates.peak_flops / rates.units * calibration.matrix_fraction)
    work_s = rounds * (calibration.item_s + chunks * chunk_s)
    moved = count * (2.0 * state + length * size)
    move_s = moved / (rates.bandwidth_bytes_per_s * calibration.bandwidth_fraction)
    total_s = launches * calibration.latency_s + overlapped(work_s, move_s, _OVERLAP_EXPONENT)
    return np.where(count * length > 0.0, total_s, 0.0)
