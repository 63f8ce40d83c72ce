"""How long one matrix product takes: a roofline with tiles, waves, split-k and overlap.

The product computes ``m x n`` outputs with a reduction over ``k``. Activations are ``m x k``,
weights ``k x n``. The law has one shape for every device; what differs is the menu of tiles
(:mod:`simulator.roofline.compute.kernel_families`) and a few calibration constants.

    t      = start + (t_mem^p + t_comp^p)^(1/p)
    t_mem  = (bytes read + bytes written / write_fraction) / bandwidth
    t_comp = min over tiles and split-k of the time the busiest unit takes for its tiles

The wave quantisation and the overlap exponent follow measurements on an H200 (604 shapes,
CUDA graphs, weights rotated past the cache): an ideal roofline is off by about 40 % there, the
law by about 5 %.
"""

from dataclasses import dataclass
from math import inf, log2, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.roofline.compute.kernel_families import KernelFamily, Tile

FloatArray = NDArray[np.float64]
ArrayLike = Any

_PARTIAL_SUM_BYTES = 4.0  # split-k exchanges 32-bit partial sums


@dataclass(frozen=True, slots=True)
class MatmulCalibration:
    """What measurement adds to the data sheet, for one device and datatype.

    The fractions are shares of data sheet values in (0, 1], so they carry over to other chips.
    """

    peak_fraction: float
    """Share of the peak FLOP/s that the busiest tile sustains at the power limit."""
    bandwidth_fraction: float
    """Share of the memory bandwidth that streaming operands reaches."""
    start_s: float
    """Launch, first loads and last stores of one kernel: what nothing overlaps (seconds)."""
    overlap: float = 3.0
    """Exponent p >= 1 of the norm that joins memory and compute: 1 adds, infinity overlaps."""
    balance_tile: float = 96.0
    """Edge of the square tile whose operand feed takes as long as its math (elements)."""
    block_s: float = 0.0
    """Shortest time for one k-block of one tile: latency that few tiles cannot hide (seconds)."""
    tile_s: float = 0.0
    """Starting and ending one tile when nothing else runs on the unit (seconds)."""
    split_s: float = 0.0
    """Joining the partial sums of a split reduction (seconds)."""
    write_fraction: float = 1.0
    """Write bandwidth as a share of the read bandwidth."""
    burst_fraction: float | None = None
    """Share of the peak before power management lowers the clock; None: never faster."""
    throttle_s: float = 0.0
    """Kernel time at which a burst has lost half of its advantage (seconds)."""

    def __post_init__(self) -> None:
        """Refuse constants that no machine can have (ValueError names the field)."""
        burst = self.peak_fraction if self.burst_fraction is None else self.burst_fraction
        shares = {
            "peak_fraction": self.peak_fraction,
            "bandwidth_fraction": self.bandwidth_fraction,
            "write_fraction": self.write_fraction,
            "burst_fraction": burst,
        }
        for name, value in shares.items():
            if not 0.0 < value <= 1.0:
                raise ValueError(f"{name} must lie in (0, 1], not {value}")
        if burst < self.peak_fraction:
            raise ValueError(f"burst_fraction {burst} is below peak_fraction {self.peak_fraction}")
        if self.overlap < 1.0:
            raise ValueError(f"overlap must be at least 1, not {self.overlap}")
        if self.balance_tile <= 0.0:
            raise ValueError(f"balance_tile must be positive, not {self.balance_tile}")
        for name in ("start_s", "block_s", "tile_s", "split_s", "throttle_s"):
            if getattr(self, name) < 0.0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")


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
    cached_bytes: ArrayLike = 0.0,
    cache_bytes: float = inf,
    burst: bool = False,
) -> FloatArray:
    """Seconds of ``m x n x k`` products; arrays broadcast, the result has their shape.

    ``peak_flops`` is the dense data sheet peak of the datatype the units compute in, over all
    ``units`` (SMs, matrix units, cores). Bits count scales: 4.5 for 4-bit weights with a 8-bit
    scale for 16 of them. ``cached_bytes`` of the operands come from the cache instead of memory
    (see :func:`cache_resident_bytes`); an operand wider than ``cache_bytes`` is read again by
    each wave of tiles. ``burst`` predicts short measurements that end before
    power management reacts; an engine under load is not a burst. An empty product takes no time.
    """
    rows, columns, depth = np.broadcast_arrays(
        np.asarray(m, np.float64), np.asarray(n, np.float64), np.asarray(k, np.float64)
    )
    feed = feed_bytes_per_s(peak_flops / units, activation_bits, calibration)
    bandwidth = bandwidth_bytes_per_s * calibration.bandwidth_fraction
    read, written = matmul_bytes(
        rows, columns, depth,
        activation_bits=activation_bits, weight_bits=weight_bits, output_bits=output_bits,
    )  # fmt: skip
    from_cache = np.minimum(np.asarray(cached_bytes, np.float64), read)
    once_s = (read - from_cache + written / calibration.write_fraction) / bandwidth
    once_s = once_s + from_cache / max(bandwidth, units * feed)
    busy_s = np.full(rows.shape, np.inf)
    for tile in family.tiles:
        usable = (rows > tile.above_rows) & (rows <= tile.up_to_rows)
        again = _read_again_bytes(
            rows, columns, depth, tile, units=units, family=family, cache_bytes=cache_bytes,
            activation_bits=activation_bits, weight_bits=weight_bits,
        )  # fmt: skip
        compute_s = np.full(rows.shape, np.inf)
        for split in family.splits:
            split_s = _tiled_time_s(
                rows, columns, depth, tile, split,
                unit_flops=peak_flops / units, units=units, calibration=calibration,
                family=family, activation_bits=activation_bits, weight_bits=weight_bits,
                output_bits=output_bits, burst=burst,
            )  # fmt: skip
            compute_s = np.minimum(compute_s, split_s)
        if burst:
            compute_s = _throttled_s(compute_s, calibration)
        tile_s = _power_norm(once_s + again / bandwidth, compute_s, calibration.overlap)
        busy_s = np.where(usable, np.minimum(busy_s, tile_s), busy_s)
    empty = (rows <= 0) | (columns <= 0) | (depth <= 0)
    return np.asarray(np.where(empty, 0.0, calibration.start_s + busy_s), np.float64)


def matmul_bytes(
    m: ArrayLike,
    n: ArrayLike,
    k: ArrayLike,
    *,
    activation_bits: float = 16.0,
    weight_bits: float = 16.0,
    output_bits: float = 16.0,
) -> tuple[FloatArray, FloatArray]:
    """Bytes (read, written) by an ``m x n x k`` product that touches each operand once."""
    m, n, k = (np.asarray(x, np.float64) for x in (m, n, k))
    read = (m * k * activation_bits + n * k * weight_bits) / 8.0
    return read, m * n * output_bits / 8.0


def cache_resident_bytes(
    operand_bytes: ArrayLike, reuse_distance_bytes: ArrayLike, cache_bytes: float
) -> FloatArray:
    """Bytes of an operand still in the cache when ``reuse_distance_bytes`` passed in between.

    Everything stays while the bytes touched from one use to the next fit the cache, nothing
    once they are twice its size, linearly less between: caches do not replace in strict order.
    An infinite distance means a cold operand.
    """
    operand, distance = np.broadcast_arrays(
        np.asarray(operand_bytes, np.float64), np.asarray(reuse_distance_bytes, np.float64)
    )
    if cache_bytes <= 0.0:
        return np.zeros(operand.shape)
    return np.asarray(operand * np.clip(2.0 - distance / cache_bytes, 0.0, 1.0), np.float64)


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


def _tiled_time_s(
    m: FloatArray,
    n: FloatArray,
    k: FloatArray,
    tile: Tile,
    split: int,
    *,
    unit_flops: float,
    units: int,
    calibration: MatmulCalibration,
    family: KernelFamily,
    activation_bits: float,
    weight_bits: float,
    output_bits: float,
    burst: bool,
) -> FloatArray:
    """Time the busiest unit takes with one tile size and split."""
    block = k_block(family, activation_bits)
    blocks = np.ceil(k / (block * split))
    shares = np.ceil(np.ceil(m / tile.m) * np.ceil(n / tile.n) * split / units)
    tile_rows, tile_columns = np.minimum(m, tile.m), np.minimum(n, tile.n)
    peak_share = calibration.peak_fraction
    if burst and calibration.burst_fraction is not None:
        peak_share = calibration.burst_fraction
    feed = feed_bytes_per_s(unit_flops, activation_bits, calibration)
    math_s = 2.0 * tile.m * tile.n * block / (unit_flops * peak_share)
    feed_s = (tile_rows * activation_bits + tile_columns * weight_bits) / 8.0 * block / feed
    resident = family.tiles_per_unit(tile)
    rounds = np.ceil(shares / resident)
    loop_s = np.maximum(
        shares * blocks * np.maximum(math_s, feed_s),
        rounds * (calibration.tile_s + blocks * calibration.block_s),
    )
    output_bytes = output_bits / 8.0 if split == 1 else 2.0 * _PARTIAL_SUM_BYTES
    store_s = shares * tile_rows * tile_columns * output_bytes / feed
    return loop_s + store_s + (calibration.split_s if split > 1 else 0.0)


def _read_again_bytes(
    m: FloatArray,
    n: FloatArray,
    k: FloatArray,
    tile: Tile,
    *,
    units: int,
    family: KernelFamily,
    cache_bytes: float,
    activation_bits: float,
    weight_bits: float,
) -> FloatArray:
    """Bytes that waves of tiles read from memory beyond touching each operand once.

    One wave covers ``deep x wide`` tiles and shares their operands through the cache, so each
    operand is read once for every wave along the other dimension, unless it stays in the cache
    from one wave to the next.
    """
    tiles_m, tiles_n = np.ceil(m / tile.m), np.ceil(n / tile.n)
    if family.square_waves:
        edge = max(1.0, round(sqrt(units * tile.n / tile.m)))
        deep = np.minimum(tiles_m, np.maximum(edge, np.ceil(units / tiles_n)))
        wide = np.minimum(tiles_n, np.maximum(1.0, units / deep))
    else:
        shorter = np.minimum(np.minimum(tiles_m, tiles_n), units)
        longer = np.maximum(1.0, units / shorter)
        deep = np.where(tiles_m <= tiles_n, shorter, np.minimum(longer, tiles_m))
        wide = np.where(tiles_m <= tiles_n, np.minimum(longer, tiles_n), shorter)
    activations, weights = m * k * activation_bits / 8.0, n * k * weight_bits / 8.0
    wave_m, wave_n = activations * deep / tiles_m, weights * wide / tiles_n
    by_rows = tiles_m <= tiles_n  # waves run along the shorter dimension first
    kept_m = cache_resident_bytes(1.0, np.where(by_rows, activations, wave_m) + wave_n, cache_bytes)
    kept_n = cache_resident_bytes(1.0, np.where(by_rows, wave_n, weights) + wave_m, cache_bytes)
    again_m = activations * (np.ceil(tiles_n / wide) - 1.0) * (1.0 - kept_m)
    again_n = weights * (np.ceil(tiles_m / deep) - 1.0) * (1.0 - kept_n)
    return np.asarray(again_m + again_n, np.float64)


def _throttled_s(burst_s: FloatArray, calibration: MatmulCalibration) -> FloatArray:
    """Stretch burst times towards the sustained clock as kernels get long."""
    if calibration.burst_fraction is None:
        return burst_s
    lost = calibration.burst_fraction / calibration.peak_fraction - 1.0
    with np.errstate(invalid="ignore"):
        weight = np.where(burst_s > 0.0, burst_s / (burst_s + calibration.throttle_s), 0.0)
    return np.asarray(burst_s * (1.0 + lost * weight), np.float64)


def _power_norm(a: FloatArray, b: FloatArray, exponent: float) -> FloatArray:
    """(a^p + b^p)^(1/p), scaled by the larger so that tiny times do not underflow."""
    larger = np.maximum(a, b)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(larger > 0.0, np.minimum(a, b) / larger, 0.0)
    return np.asarray(larger * (1.0 + ratio**exponent) ** (1.0 / exponent), np.float64)
