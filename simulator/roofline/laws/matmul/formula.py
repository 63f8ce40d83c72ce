"""How long one matrix product takes: a roofline with tiles, waves, split-k and overlap.

The product computes ``m x n`` outputs with a reduction over ``k``. Activations are ``m x k``,
weights ``k x n``. The law has one shape for every device; what differs is the menu of tiles
(:mod:`simulator.roofline.laws.matmul.kernels`) and a few calibration constants.

    t      = start + (t_mem^p + t_comp^p)^(1/p)
    t_mem  = (bytes read + bytes written / write_fraction) / bandwidth
    t_comp = min over tiles and split-k of the time the busiest unit takes for its tiles

The wave quantisation and the overlap exponent follow measurements on an H200 (604 shapes,
CUDA graphs, weights rotated past the cache): an ideal roofline is off by about 40 % there, the
law by about 5 %.
"""

from dataclasses import dataclass
from math import inf, log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.roofline.laws.matmul.constants import MatmulCalibration
from simulator.roofline.laws.matmul.kernels import KernelFamily
from simulator.roofline.laws.overlap import overlapped

FloatArray = NDArray[np.float64]
ArrayLike = Any

_PARTIAL_SUM_BYTES = 4.0  # split-k exchanges 32-bit partial sums
_CHUNK_ROWS = 8192  # keeps the tiles x products arrays within a few megabytes


def matmul_time_s(
    m: ArrayLike,
    n: ArrayLike,
    k: ArrayLike,
    *,
    peak_flops: float,
    bandwidth_bytes_per_s: float,
    units: int,
    calibration: MatmulCalibration,
    family: KernelFamily,
    activation_bits: float = 16.0,
    weight_bits: float = 16.0,
    output_bits: float = 16.0,
    groups: ArrayLike = 1.0,
    cached_bytes: ArrayLike = 0.0,
    cache_bytes: float = inf,
    burst: bool = False,
) -> FloatArray:
    """Seconds of ``m x n x k`` products; arrays broadcast, the result has their shape.

    One kernel computes ``groups`` of them, each with operands of its own.

    ``peak_flops`` is the dense data sheet peak of the datatype the units compute in, over all
    ``units`` (SMs, matrix units, cores). Bits count scales: 4.5 for 4-bit weights with a 8-bit
    scale for 16 of them. ``cached_bytes`` of the operands and of the product stay in the cache
    instead of passing through memory (see :func:`resident_share`); an operand wider than
    ``cache_bytes`` is read again by each wave of tiles. ``burst`` predicts short measurements that
    end before power management reacts; an engine under load is not a burst. An empty product takes
    no time.
    """
    arguments = (m, n, k, groups, cached_bytes)
    shape = np.broadcast_shapes(*(np.shape(x) for x in arguments))
    rows, columns, depth, count, cached = (
        np.broadcast_to(np.asarray(x, np.float64), shape).reshape(-1) for x in arguments
    )
    work = _Work(
        unit_flops=peak_flops / units,
        units=units,
        bandwidth=bandwidth_bytes_per_s * calibration.bandwidth_fraction,
        cache_bytes=cache_bytes,
        calibration=calibration,
        family=family,
        activation_bytes=activation_bits / 8.0,
        weight_bytes=weight_bits / 8.0,
        output_bytes=output_bits / 8.0,
        block=k_block(family, activation_bits),
        feed=feed_bytes_per_s(peak_flops / units, activation_bits, calibration),
        burst=burst,
    )

    def launched_s(rows: FloatArray) -> FloatArray:
        time_s = np.empty(rows.shape)
        for first in range(0, rows.size, _CHUNK_ROWS):
            part = slice(first, first + _CHUNK_ROWS)
            products = _Products(rows[part], columns[part], depth[part], count[part])
            time_s[part] = _best_time_s(products, cached[part], work)
        return time_s

    time_s = launched_s(rows)
    if family.launch_rows is not None:
        whole = rows // family.launch_rows * family.launch_rows
        time_s = np.minimum(time_s, launched_s(whole) + launched_s(rows - whole))
    return time_s.reshape(shape)


def resident_share(reuse_distance_bytes: ArrayLike, cache_bytes: float) -> FloatArray:
    """Share of an operand still in the cache after ``reuse_distance_bytes`` passed through it.

    Everything stays while the bytes touched from one use to the next (its own included) fit the
    cache, nothing once they are twice its size, linearly less between: caches do not replace in
    strict order. An infinite distance means a cold operand.
    """
    if cache_bytes <= 0.0:
        return np.zeros(np.shape(reuse_distance_bytes))
    share = 2.0 - np.asarray(reuse_distance_bytes, np.float64) / cache_bytes
    return np.asarray(np.clip(share, 0.0, 1.0), np.float64)


def feed_bytes_per_s(
    unit_flops: float, activation_bits: float, calibration: MatmulCalibration
) -> float:
    """Bytes per second that one unit pulls from the cache into its tile buffers.

    A square tile of edge b needs 2b operands for 2b^2 FLOP at each step of k: at the balance
    tile that feed takes exactly as long as the math at the data sheet peak.
    """
    return unit_flops * activation_bits / 8.0 / calibration.balance_tile


def k_block(family: KernelFamily, activation_bits: float) -> int:
    """Steps of k that one load brings: a power of two, so scales do not count."""
    return int(2 ** round(log2(family.block_bytes * 8.0 / activation_bits)))


@dataclass(frozen=True, slots=True)
class _Work:
    """What all products of one call share."""

    unit_flops: float
    units: int
    bandwidth: float
    cache_bytes: float
    calibration: MatmulCalibration
    family: KernelFamily
    activation_bytes: float
    weight_bytes: float
    output_bytes: float
    block: int
    feed: float
    burst: bool


@dataclass(frozen=True, slots=True)
class _Products:
    """``groups`` products of m x n x k each; all arrays are one-dimensional."""

    m: FloatArray
    n: FloatArray
    k: FloatArray
    groups: FloatArray

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Whether there is nothing to compute."""
        return (self.m <= 0) | (self.n <= 0) | (self.k <= 0) | (self.groups <= 0)


def _best_time_s(products: _Products, cached: FloatArray, work: _Work) -> FloatArray:
    """Time of the fastest tile and split for each product."""
    tiles = work.family.tiles
    tile_m, tile_n, above, up_to = (
        np.array(column, np.float64)[:, None]
        for column in zip(*((t.m, t.n, t.above_rows, t.up_to_rows) for t in tiles), strict=True)
    )
    compute_s = _compute_time_s(products, tile_m, tile_n, work)
    if work.burst:
        compute_s = _throttled_s(compute_s, work.calibration)
    m, n, k, groups = products.m, products.n, products.k, products.groups
    read = groups * (m * k * work.activation_bytes + n * k * work.weight_bytes)
    again = groups * _read_again_bytes(m, n, k, tile_m, tile_n, work)
    written = groups * m * n * work.output_bytes / work.calibration.write_fraction
    cached = np.minimum(cached, read + written)
    memory_s = (read + written - cached + again) / work.bandwidth
    memory_s = memory_s + cached / (work.bandwidth * work.calibration.cache_speedup)
    busy_s = overlapped(memory_s, compute_s, work.calibration.overlap)
    busy_s = np.where((m > above) & (m <= up_to), busy_s, np.inf).min(axis=0)
    return np.where(products.empty, 0.0, work.calibration.start_s + busy_s)


def _compute_time_s(
    products: _Products, tile_m: FloatArray, tile_n: FloatArray, work: _Work
) -> FloatArray:
    """Time the busiest unit takes (tiles x products), at the best split of k for each tile."""
    calibration = work.calibration
    m, n, k = products.m, products.n, products.k
    tiles = products.groups * np.ceil(m / tile_m) * np.ceil(n / tile_n)
    used_m, used_n = np.minimum(m, tile_m), np.minimum(n, tile_n)
    peak_share = calibration.peak_fraction
    if work.burst and calibration.burst_fraction is not None:
        peak_share = calibration.burst_fraction
    math_s = 2.0 * tile_m * tile_n * work.block / (work.unit_flops * peak_share)
    feed_bytes = (used_m * work.activation_bytes + used_n * work.weight_bytes) * work.block
    step_s = np.maximum(math_s, feed_bytes / work.feed)
    resident = np.array([[work.family.tiles_per_unit(t)] for t in work.family.tiles], np.float64)
    best_s = np.full(tiles.shape, np.inf)
    for split in work.family.splits:
        blocks = np.ceil(k / (work.block * split))
        shares = np.ceil(tiles * split / work.units)
        loop_s = blocks * np.maximum(
            shares * step_s, np.ceil(shares / resident) * calibration.block_s
        )
        element_bytes = work.output_bytes if split == 1 else 2.0 * _PARTIAL_SUM_BYTES
        store_s = shares * used_m * used_n * element_bytes / work.feed
        join_s = calibration.split_s if split > 1 else 0.0
        best_s = np.minimum(best_s, loop_s + store_s + join_s)
    return best_s


def _read_again_bytes(
    m: FloatArray, n: FloatArray, k: FloatArray, tile_m: FloatArray, tile_n: FloatArray, work: _Work
) -> FloatArray:
    """Bytes that waves of tiles read from memory beyond touching each operand once.

    A wave of tiles covers about a square of outputs and shares its operands through the cache.
    Waves that lie side by side read the same activations, those above each other the same
    weights, unless that operand as a whole stays in the cache.
    """
    if work.cache_bytes == inf:
        return np.zeros(np.broadcast_shapes(m.shape, tile_m.shape))
    tiles_m, tiles_n = np.maximum(m / tile_m, 1.0), np.maximum(n / tile_n, 1.0)
    edge = np.maximum(1.0, np.sqrt(work.units * tile_n / tile_m))
    deep = np.minimum(tiles_m, np.maximum(edge, work.units / tiles_n))
    wide = np.clip(work.units / deep, 1.0, tiles_n)
    activations, weights = m * k * work.activation_bytes, n * k * work.weight_bytes
    lost_m = 1.0 - resident_share(activations, work.cache_bytes)
    lost_n = 1.0 - resident_share(weights, work.cache_bytes)
    again_m = activations * (tiles_n / wide - 1.0) * lost_m
    again_n = weights * (tiles_m / deep - 1.0) * lost_n
    return np.asarray(again_m + again_n, np.float64)


def _throttled_s(burst_s: FloatArray, calibration: MatmulCalibration) -> FloatArray:
    """Stretch burst times towards the sustained clock as kernels get long."""
    if calibration.burst_fraction is None:
        return burst_s
    lost = calibration.burst_fraction / calibration.peak_fraction - 1.0
    with np.errstate(invalid="ignore"):
        weight = np.where(burst_s > 0.0, burst_s / (burst_s + calibration.throttle_s), 0.0)
    return np.asarray(burst_s * (1.0 + lost * weight), np.float64)
