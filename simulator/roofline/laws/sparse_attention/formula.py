"""What it costs to attend to entries that were picked for each query row.

All functions are pure: they broadcast NumPy arrays (or floats) and return float64 seconds, 0
where there is no work.
"""

import numpy as np
from numpy.typing import ArrayLike

from simulator.roofline.laws.arrays import FloatArray, floats
from simulator.roofline.laws.overlap import overlapped
from simulator.roofline.laws.rates import DeviceRates
from simulator.roofline.laws.sparse_attention.constants import GatherCalibration
from simulator.roofline.laws.sparse_attention.kernels import GatherKernel

_OVERLAP_EXPONENT = 3.0
"""How well moving hides behind multiplying: (a^p + b^p)^(1/p)."""


def gather_attention_time_s(
    rates: DeviceRates,
    kernel: GatherKernel,
    calibration: GatherCalibration,
    rows: ArrayLike,
    pairs: ArrayLike,
    query_heads: ArrayLike,
    kv_heads: ArrayLike,
    dims: ArrayLike,
    bytes_per_entry: ArrayLike,
    *,
    launches: ArrayLike = 1.0,
    starts: bool = True,
) -> FloatArray:
    """Seconds for ``rows`` query rows to attend to ``pairs`` gathered entries altogether.

    ``dims`` are the values of a key and of a value together, ``bytes_per_entry`` those of one
    entry of all KV heads. A work item is one row of one KV head; its query heads are padded to
    the kernel's tile, and each tile loads its entries itself. ``launches`` follow each other.
    ``starts`` is False for a list that joins another one in the same items.
    """
    count, seen, heads, shared, width, size = floats(
        rows, pairs, query_heads, kv_heads, dims, bytes_per_entry
    )
    group = heads / shared
    tile = group if kernel.keys_stay else np.full_like(group, kernel.tile_rows)
    tiles = shared * np.ceil(group / tile)
    items = count * tiles
    rounds = items / rates.units
    if not kernel.splits:
        rounds = np.ceil(rounds - 1e-9)
    entries = seen / np.maximum(count, 1e-9)
    unit_flops = rates.peak_flops / rates.units * calibration.matrix_fraction
    work_s = rounds * entries * 2.0 * tile * width / unit_flops
    if starts:
        work_s = work_s + np.maximum(rounds, 1.0) * calibration.item_s
    loaded = (not kernel.keys_stay) * seen * size * tiles / shared
    load_s = loaded / (rates.bandwidth_bytes_per_s * calibration.gather_speedup)
    busy_s = overlapped(work_s, load_s, _OVERLAP_EXPONENT)
    if kernel.joined_heads:
        busy_s = busy_s + _join_time_s(rates, kernel, items, entries, heads * count, width / 2.0)
    latency_s = np.asarray(launches, np.float64) * calibration.latency_s if starts else 0.0
    return np.where(seen > 0.0, latency_s + busy_s, 0.0)


_UNIT_SHARE = 2.5
"""What one unit alone pulls from the cache, over its share of the memory's bandwidth."""
_PARTIAL_BYTES = 4.0


def _join_time_s(
    rates: DeviceRates,
    kernel: GatherKernel,
    items: FloatArray,
    entries: FloatArray,
    rows: FloatArray,
    values: FloatArray,
) -> FloatArray:
    """Seconds to join the partial results of lists that idle units had a part of.

    One unit reads the parts of ``joined_heads`` of the ``rows`` (of a query and a head) one after
    another; nobody else helps, so what counts is the rate of a unit, not of the device.
    """
    parts = np.clip(
        entries / kernel.list_tile, 1.0, np.maximum(rates.units / np.maximum(items, 1e-9), 1.0)
    )
    rounds = np.maximum(rows / kernel.joined_heads / rates.units, 1.0)
    part_bytes = kernel.joined_heads * values * _PARTIAL_BYTES
    unit_rate = rates.bandwidth_bytes_per_s / rates.units * _UNIT_SHARE
    return np.asarray(rounds * (parts - 1.0) * part_bytes / unit_rate, np.float64)
