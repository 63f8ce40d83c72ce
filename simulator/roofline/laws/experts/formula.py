"""Time of a fused mixture-of-experts layer: two grouped matrix products and what joins them.

The gate/up and the down projection each run as one grouped GEMM over the experts touched. Each
expert's rows are padded to whole tiles, the tiles of all experts share the compute units in
waves, and the weights of the distinct experts touched are read once. Between the two products
stand the activation, and around them the kernels that sort rows by expert, quantise them and sum
the top-k results: a fixed launch time and a traffic proportional to the rows.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.graph.routing import ExpertLoads
from simulator.roofline.laws.experts.constants import GroupedCalibration
from simulator.roofline.laws.experts.kernels import GroupedKernelFamily
from simulator.roofline.laws.overlap import overlapped

FloatArray = NDArray[np.float64]


def fused_moe_time_s(
    loads: ExpertLoads,
    tokens: ArrayLike,
    top_k: ArrayLike,
    hidden_size: ArrayLike,
    intermediate_size: ArrayLike,
    *,
    peak_flops: float,
    bandwidth_bytes_per_s: float,
    units: float,
    calibration: GroupedCalibration,
    family: GroupedKernelFamily,
    weight_bits: float = 16.0,
    activation_bits: float = 16.0,
    matrices: ArrayLike = 3,
    sharded: ArrayLike = False,
    cached_fraction: ArrayLike = 0.0,
    cache_bytes: float = np.inf,
) -> FloatArray:
    """Seconds of one fused MoE layer on one rank, launched from a captured graph.

    ``loads`` are the rows of the rank's experts, ``tokens`` the tokens that reach the rank and
    ``intermediate_size`` the rank's slice of an expert's width; all broadcast. Bits are as the
    products read them, scales included. ``peak_flops`` is the dense datasheet peak, over all
    ``units``, of the datatype that the products compute in. ``matrices`` an expert: 3 with a
    gate, 2 without. ``cached_fraction`` of the weights is found in the cache (0 in serving, where
    the other layers pass between two uses).
    """
    rows, distinct = loads.total_rows(), loads.distinct()
    hidden = np.asarray(hidden_size, dtype=np.float64)
    inter = np.asarray(intermediate_size, dtype=np.float64)
    first_width = (np.asarray(matrices, dtype=np.float64) - 1.0) * inter
    blocks = {m: loads.row_blocks(m) for m in {tile[0] for tile in family.tiles}}
    bandwidth = bandwidth_bytes_per_s * calibration.bandwidth_fraction
    weights_per_s = bandwidth / (1.0 - np.asarray(cached_fraction, dtype=np.float64) + 1e-12)
    kernels = family.kernels + family.sharding_kernels * np.asarray(sharded, dtype=np.float64)
    if activation_bits < 16.0:
        kernels = kernels + family.quantise_kernels
    doublings = np.log2(np.maximum(np.asarray(tokens, dtype=np.float64), 1.0))
    total: FloatArray = np.asarray(
        kernels * calibration.kernel_s + doublings * calibration.routing_s
    )
    for width, depth in ((first_width, hidden), (hidden, inter)):
        one_expert = width * depth * weight_bits / 8.0
        passes = weight_passes(blocks, distinct, one_expert, cache_bytes, family)
        memory_s = distinct * one_expert * passes / weights_per_s
        compute_s = _tiled_compute_s(
            width, depth, blocks,
            unit_flops=peak_flops / units, units=units, calibration=calibration, family=family,
            weight_bits=weight_bits, activation_bits=activation_bits,
        )  # fmt: skip
        walked_s = _walk_s(width, loads, tokens, units, calibration, family)
        total = total + walked_s + overlapped(memory_s, compute_s, calibration.overlap)
    traffic = row_traffic_bytes(
        rows, tokens, top_k, hidden, inter, first_width, activation_bits, family
    )
    return total + traffic / (bandwidth_bytes_per_s * calibration.row_fraction)


def weight_passes(
    blocks: dict[int, FloatArray],
    distinct: FloatArray,
    one_expert_bytes: FloatArray,
    cache_bytes: float,
    family: GroupedKernelFamily,
) -> FloatArray:
    """How often an expert's matrix streams from memory: again for each group of row blocks.

    Later groups of row blocks find the matrix in the cache while it fits half of it (the other
    half holds rows and outputs), and none of it once it is as large as the cache.
    """
    tallest = blocks[max(blocks)] / np.maximum(distinct, 1e-12)
    groups = np.maximum(tallest / family.blocks_per_pass, 1.0)
    missed = np.clip(2.0 * one_expert_bytes / cache_bytes - 1.0, 0.0, 1.0)
    return np.asarray(1.0 + (groups - 1.0) * missed)


def _walk_s(
    width: FloatArray,
    loads: ExpertLoads,
    tokens: ArrayLike,
    units: float,
    calibration: GroupedCalibration,
    family: GroupedKernelFamily,
) -> FloatArray | float:
    """Seconds in which each unit looks up the tiles of its share of all experts.

    The host does not know where rows went, so it lays out as many row tiles for every expert as
    the whole step could fill.
    """
    if family.walked_tile is None:
        return 0.0
    tile_rows, tile_columns = family.walked_tile
    experts = np.sum(loads.experts, axis=-1)
    row_tiles = np.ceil(np.asarray(tokens, dtype=np.float64) / tile_rows)
    tiles = experts * row_tiles * np.ceil(width / tile_columns)
    return np.asarray(tiles / units * calibration.visit_s)


def row_traffic_bytes(
    rows: FloatArray,
    tokens: ArrayLike,
    top_k: ArrayLike,
    hidden: FloatArray,
    inter: FloatArray,
    first_width: FloatArray,
    activation_bits: float,
    family: GroupedKernelFamily,
) -> FloatArray:
    """Bytes of activations that the layer's kernels write and read again between each other.

    Inputs enter the products at ``activation_bits`` an element; everything else is 16 bit.
    """
    arriving = np.asarray(tokens, dtype=np.float64)
    narrow, wide = activation_bits / 8.0, 2.0
    walked = arriving * np.asarray(top_k, dtype=np.float64) if family.walks_all_rows else rows
    between = 2.0 * narrow * inter
    if not family.activation_fused:
        between = between + 2.0 * wide * first_width
    summed = 2.0 * wide * hidden
    permuted = 2.0 * narrow * hidden if family.permutes_rows else 0.0
    quantised = 2.0 * narrow * hidden if activation_bits < 16 else 0.0
    once = 2.0 * wide * hidden + quantised
    return np.asarray(walked * (between + summed) + rows * permuted + arriving * once)


def _tiled_compute_s(
    width: FloatArray,
    depth: FloatArray,
    blocks: dict[int, FloatArray],
    *,
    unit_flops: float,
    units: float,
    calibration: GroupedCalibration,
    family: GroupedKernelFamily,
    weight_bits: float,
    activation_bits: float,
) -> FloatArray:
    """Seconds that the busiest unit computes with the best tile of the family's menu."""
    # A square tile of edge b needs 2b operands for 2b^2 FLOP at each step of the reduction.
    feed = unit_flops * activation_bits / 8.0 / max(calibration.balance_tile, 1e-9)
    best = np.full(np.broadcast_shapes(*(b.shape for b in blocks.values()), width.shape), np.inf)
    for tile_rows, tile_columns in family.tiles:
        math_s = 2.0 * tile_rows * tile_columns / (unit_flops * calibration.peak_fraction)
        feed_s = (tile_rows * activation_bits + tile_columns * weight_bits) / 8.0 / feed
        waves = np.ceil(blocks[tile_rows] * np.ceil(width / tile_columns) / units - 1e-9)
        best = np.minimum(best, waves * ((math_s + feed_s) * depth + calibration.tile_s))
    return best
