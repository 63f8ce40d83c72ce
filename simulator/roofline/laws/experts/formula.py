"""Time of a fused mixture-of-experts layer: two grouped matrix products and what joins them.

The gate/up and the down projection each run as one grouped GEMM over the experts touched. Each
expert's rows are padded to whole tiles, the tiles of all experts share the compute units in
waves, and the weights of the distinct experts touched are read once. Between the two products
stand the activation, and around them the kernels that sort rows by expert, quantise them and sum
the top-k results: a fixed launch time and a traffic proportional to the rows.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.graph.routing import ExpertLoads
from simulator.roofline.laws.overlap import overlapped

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GroupedKernelFamily:
    """What a kernel library offers for a fused MoE layer, the same on every device.

    The Triton menu follows vLLM's ``get_default_config`` and shipped configurations. The other
    menus and the launch counts are assumptions; how rows are walked and weights are passed over
    was inferred from measured layer times (NVIDIA aiconfigurator tables), not read from code.
    """

    name: str
    tiles: tuple[tuple[int, int], ...]
    """Output tiles (rows, columns) that its autotuner or its shipped configurations choose from."""
    kernels: int
    """Launches a layer: sorting rows by expert, the two products, the activation, the sum."""
    quantise_kernels: int = 0
    """Further launches where activations are narrower than 16 bits."""
    sharding_kernels: int = 0
    """Further launches where the rank holds only some of the experts."""
    activation_fused: bool = False
    """Gate and up are combined before they leave the first product."""
    permutes_rows: bool = False
    """Rows are copied into expert order first, rather than gathered by the product itself."""
    walks_all_rows: bool = False
    """The other kernels pass over all T·k rows, also those of experts on other ranks."""
    blocks_per_pass: int = 1
    """Row blocks of an expert that are computed side by side and share one pass over weights."""
    host_launches: int = 20
    """Launches of the host outside a captured graph: the kernels above, fills and allocations,
    and the two products three times, as Triton's launcher takes that much longer."""
    walked_tile: tuple[int, int] | None = None
    """Tile (rows, columns) in which its products walk over *all* experts, those without rows
    included: each unit passes over an equal share of them. None: only over the experts touched."""
    most_tokens: float = np.inf
    """Largest step that it serves; ``beyond`` serves larger ones."""
    beyond: "GroupedKernelFamily | None" = None


TRITON = GroupedKernelFamily(
    "triton",
    ((16, 64), (16, 128), (32, 64), (32, 128), (64, 64), (64, 128), (128, 128), (128, 256)),
    kernels=5,
    quantise_kernels=2,
    sharding_kernels=2,
    walks_all_rows=True,
    blocks_per_pass=16,
)
"""vLLM's Triton fused MoE: its default configuration by batch and the tuned ones it ships."""

TRITON_KERNELS = GroupedKernelFamily(
    "triton_kernels",
    ((16, 128), (32, 128), (64, 128), (128, 128), (128, 256)),
    kernels=6,
    activation_fused=True,
    blocks_per_pass=8,
)
"""OpenAI's Triton kernels for gpt-oss: ragged products that touch only the rank's own rows."""

MARLIN = GroupedKernelFamily(
    "marlin",
    ((8, 128), (16, 128), (32, 128), (48, 128), (64, 128), (64, 256)),
    kernels=5,
    walks_all_rows=True,
)
"""Weight-only 4-bit with 16-bit activations: the weights are widened in registers."""

CUTLASS = GroupedKernelFamily(
    "cutlass",
    ((16, 128), (32, 128), (64, 128), (128, 128), (128, 256)),
    kernels=6,
    quantise_kernels=1,
    permutes_rows=True,
)
"""CUTLASS grouped GEMM as FlashInfer and TensorRT-LLM wrap it."""

DEEPGEMM = GroupedKernelFamily(
    "deepgemm",
    ((64, 128), (128, 128), (128, 160)),
    kernels=6,
    quantise_kernels=1,
    permutes_rows=True,
)
"""DeepGEMM's grouped layouts for block-scaled fp8; assumed, no measured table covers it."""

TRTLLM_GEN = GroupedKernelFamily(
    "trtllm_gen",
    ((8, 128), (16, 128), (32, 128), (64, 128), (128, 128), (256, 128)),
    kernels=4,
    quantise_kernels=1,
    activation_fused=True,
)
"""TensorRT-LLM's generated Blackwell kernels: operands swapped, so the row tile may be small."""

TRTLLM_GEN_BLOCK = GroupedKernelFamily(
    "trtllm_gen_block",
    TRTLLM_GEN.tiles,
    kernels=5,
    quantise_kernels=1,
    walks_all_rows=True,
)
"""The same for block-scaled fp8, where the activation and its scales are a kernel of their own."""

MUL_MAT_ID = GroupedKernelFamily(
    "mul_mat_id",
    ((1, 16), (8, 32), (16, 64), (32, 64), (64, 64), (64, 128)),
    kernels=6,
    host_launches=8,
    permutes_rows=True,
)
"""llama.cpp and MLX: matrix-vector products for few rows, indexed by expert."""

MUL_MAT_Q_ID = GroupedKernelFamily(
    "mul_mat_q_id",
    MUL_MAT_ID.tiles,
    kernels=15,
    host_launches=17,
    permutes_rows=True,
    walked_tile=(128, 128),
)
"""llama.cpp's quantised tile products on CUDA (``mmq.cuh``): beside the product, each of the three
sorts the rows by expert, quantises them and joins the partial sums of tiles that units share.
Units get equal stretches of (tile of columns, expert, tile of rows) and pass over empty ones."""

MUL_MAT_ID_CUDA = replace(MUL_MAT_ID, name="mul_mat_id_cuda", most_tokens=1, beyond=MUL_MAT_Q_ID)
"""llama.cpp on CUDA until January 2026 (pull request 18958): vectors for one token, else tiles."""

KERNEL_FAMILIES = {
    family.name: family
    for family in (
        MUL_MAT_ID,
        MUL_MAT_Q_ID,
        MUL_MAT_ID_CUDA,
        TRITON,
        TRITON_KERNELS,
        MARLIN,
        CUTLASS,
        DEEPGEMM,
        TRTLLM_GEN,
        TRTLLM_GEN_BLOCK,
    )
}


@dataclass(frozen=True, slots=True)
class GroupedCalibration:
    """Constants of a device, datatype and kernel family for a fused MoE layer.

    The fractions are shares of datasheet values in (0, 1], so they carry over to other chips.
    """

    peak_fraction: float
    """Share of the peak FLOP/s that whole tiles sustain."""
    bandwidth_fraction: float
    """Share of the memory bandwidth at which the experts' weights stream."""
    row_fraction: float
    """Share of the memory bandwidth that the kernels between the products reach."""
    kernel_s: float
    """Time that one kernel of the layer takes to start and to drain (seconds)."""
    overlap: float = 2.0
    """Exponent p >= 1 of the norm that joins memory and compute: 1 adds, infinity overlaps."""
    balance_tile: float = 64.0
    """Edge of the square tile whose operand feed takes as long as its math (elements)."""
    routing_s: float = 0.0
    """Growth of the sorting and summing kernels with each doubling of the tokens (seconds)."""
    tile_s: float = 0.0
    """Time that each tile holds its unit to start and to store, whatever its depth (seconds)."""
    visit_s: float = 0.0
    """Time that a unit takes to find where a tile's rows are, be there any or none (seconds)."""

    def __post_init__(self) -> None:
        """Refuse constants that no machine can have (ValueError names the field)."""
        for name in ("peak_fraction", "bandwidth_fraction", "row_fraction"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must lie in (0, 1], not {getattr(self, name)}")
        if self.overlap < 1.0:
            raise ValueError(f"overlap must be at least 1, not {self.overlap}")
        for name in ("kernel_s", "balance_tile", "routing_s", "tile_s", "visit_s"):
            if getattr(self, name) < 0.0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")


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
