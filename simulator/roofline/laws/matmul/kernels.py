"""Families of matrix kernels: which tiles and splits each one has to choose from.

A family is a fact about software (or, for a systolic array, about hardware) and holds no fitted
number. The time law takes the fastest entry of the menu, as the libraries' own heuristics try
to; where a library picks by the number of rows instead, its tiles carry that range.
"""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Tile:
    """One output tile of ``m x n`` elements, used for products of above..up_to rows."""

    m: int
    n: int
    above_rows: float = 0.0
    up_to_rows: float = inf


@dataclass(frozen=True, slots=True)
class KernelFamily:
    """The menu of one library for one kind of datatype."""

    name: str
    tiles: tuple[Tile, ...]
    splits: tuple[int, ...] = (1,)
    """Into how many parts the reduction over k may be split."""
    block_bytes: int = 128
    """Bytes of one row of activations loaded at each step of the k loop."""
    accumulators: int = 128 * 256
    """Output elements that one unit holds at a time, over all its resident tiles."""
    max_resident: int = 4
    """Most tiles that one unit works on at a time to hide latency."""
    row_alignment: int = 1
    """Rows are padded to this multiple by a kernel of its own where they do not fit."""
    launch_rows: int | None = None
    """Rows beyond whole multiples of it may be a launch of their own; None: there is but one."""

    def tiles_per_unit(self, tile: Tile) -> int:
        """How many tiles of this size one unit keeps in flight (at least one)."""
        return max(1, min(self.max_resident, self.accumulators // (tile.m * tile.n)))


def _menu(*shapes: tuple[int, int]) -> tuple[Tile, ...]:
    return tuple(Tile(m, n) for m, n in shapes)


_LIBRARY_TILES = _menu(
    (64, 32), (64, 64), (64, 128), (128, 64), (128, 128), (64, 256), (256, 64),
    (128, 192), (192, 128), (128, 256), (256, 128),
)  # fmt: skip

CUBLAS = KernelFamily("cublas", _LIBRARY_TILES, splits=(1, 2, 4, 8, 16))
"""cuBLAS and cuBLASLt on tensor cores, 16-bit and per-tensor 8-bit: the widest menu, split-k."""

CUTLASS_SM90_FP8 = KernelFamily(
    "cutlass-sm90-fp8",
    (
        Tile(16, 64, up_to_rows=16),
        Tile(64, 64, 16, 64),
        Tile(64, 128, 64, 128),
        Tile(128, 128, 128),
    ),
)
"""vLLM's scaled 8-bit product on Hopper: the tile follows the number of rows, no split-k
(csrc/quantization/w8a8/cutlass/c3x/scaled_mm_sm90_fp8_dispatch.cuh). Up to 16 rows the operands
change places, so that rows lie along the narrow side."""

CUTLASS_SM89_FP8 = KernelFamily(
    "cutlass-sm89-fp8",
    (
        Tile(16, 64, up_to_rows=16),
        Tile(16, 128, up_to_rows=16),
        Tile(32, 64, 16, 32),
        Tile(32, 128, 16, 32),
        Tile(64, 64, 32, 64),
        Tile(64, 128, 32, 256),
        Tile(128, 64, 64, 128),
        Tile(128, 128, 64),
        Tile(256, 128, 256),
    ),
)
"""vLLM's scaled 8-bit product on Ada (``scaled_mm_c2x_sm89_fp8_dispatch.cuh``): no split-k."""

CUTLASS_SM120_FP8 = KernelFamily(
    "cutlass-sm120-fp8",
    (
        Tile(16, 64, up_to_rows=16),
        Tile(32, 64, 16, 32),
        Tile(64, 64, 32, 256),
        Tile(128, 128, 256),
    ),
)
"""vLLM's scaled 8-bit product on consumer Blackwell (``scaled_mm_sm120_fp8_dispatch.cuh``)."""

CUTLASS_SM100_FP8 = KernelFamily(
    "cutlass-sm100-fp8",
    (
        Tile(64, 64, up_to_rows=64),
        Tile(64, 128, up_to_rows=64),
        Tile(128, 64, up_to_rows=256),
        Tile(128, 128, up_to_rows=256),
        Tile(256, 64, 256),
        Tile(256, 128, 256),
    ),
)
"""vLLM's scaled 8-bit product on Blackwell: tiles of 256 rows are shared by two SMs."""

DEEPGEMM_FP8_BLOCK = KernelFamily(
    "deepgemm-fp8-block",
    (
        *(Tile(64, n, up_to_rows=64) for n in (16, 32, 64, 96, 128)),
        *(Tile(128, n, 64) for n in (16, 32, 48, 64, 80, 96, 112, 128, 160, 192)),
    ),
    row_alignment=4,
)
"""DeepGEMM with 128 x 128 weight scales: many widths, chosen to fill the last wave."""

CUTEDSL_NVFP4 = KernelFamily(
    "cutedsl-nvfp4",
    _menu(
        (128, 64), (128, 128), (128, 192), (128, 256),
        (256, 64), (256, 128), (256, 192), (256, 256),
    ),
    accumulators=256 * 256,
)  # fmt: skip
"""FlashInfer's CuTe DSL 4-bit product on Blackwell: accumulators live in tensor memory."""

MARLIN_W4A16 = KernelFamily(
    "marlin-w4a16",
    (
        Tile(16, 128, up_to_rows=16),
        Tile(32, 128, up_to_rows=32),
        Tile(64, 128),
        Tile(64, 256),
    ),
    splits=(1, 2, 4, 8),
    accumulators=64 * 256,
    launch_rows=64,
)
"""Marlin, weights unpacked in registers: small row tiles, stripes of k shared out like split-k.

Its host loop launches whole blocks of 64 rows and then those that remain (IST-DASLab/marlin,
``marlin_cuda_kernel.cu``)."""

HC_PRENORM = KernelFamily("hc-prenorm", _menu((64, 32)), splits=(1, 2, 4, 8, 16, 32, 64))
"""DeepGEMM's product of all residual streams with a few mixing weights, split over k."""

TRITON = KernelFamily(
    "triton",
    _menu((16, 64), (32, 64), (64, 64), (64, 128), (128, 64), (128, 128), (64, 256), (128, 256)),
)
"""Triton kernels tuned by configuration: few tiles, no split-k."""

TRITON_FP8_BLOCK = KernelFamily("triton-fp8-block", _menu((64, 128)))
"""vLLM's block-scaled 8-bit product in Triton where nobody tuned it: one tile for every shape."""

_BETWEEN = tuple(Tile(m, n, 64, 256) for m in (80, 96, 112, 160, 224) for n in (64, 128))

GENERIC = KernelFamily("generic", (*_LIBRARY_TILES, *_BETWEEN), splits=(1, 2, 4, 8))
"""A tuned library on any accelerator made of many equal units.

Nobody measured its menu. Matrix instructions are 16 rows high, and a library that is tuned for few
rows (AMD's Tensile, say) has tiles of any such height, rather than let one row more than 64 cost a
tile of 128.
"""

GGUF = KernelFamily(
    "gguf",
    _menu((1, 16), (8, 32), (16, 64), (32, 64), (64, 64), (128, 64), (128, 128)),
)
"""llama.cpp on GPUs: matrix-vector kernels for up to 8 rows, then quantised tiles."""

SYSTOLIC_128 = KernelFamily(
    "systolic-128", _menu((128, 128)), block_bytes=256, accumulators=128 * 128, max_resident=1
)
"""A 128 x 128 systolic array (TPU up to v5, Trainium): everything is padded to it."""

SYSTOLIC_256 = KernelFamily(
    "systolic-256", _menu((256, 256)), block_bytes=512, accumulators=256 * 256, max_resident=1
)
"""A 256 x 256 systolic array (TPU from v6e): everything is padded to it."""

SMALL_TILE = KernelFamily(
    "small-tile", _menu((1, 16), (8, 16), (16, 16), (32, 32)), block_bytes=64,
    accumulators=32 * 32, max_resident=1,
)  # fmt: skip
"""CPU cores and NPUs with vector or small matrix registers: hardly any padding."""

FAMILIES = {
    family.name: family
    for family in (
        CUBLAS,
        CUTLASS_SM90_FP8,
        CUTLASS_SM89_FP8,
        CUTLASS_SM120_FP8,
        CUTLASS_SM100_FP8,
        DEEPGEMM_FP8_BLOCK,
        CUTEDSL_NVFP4,
        MARLIN_W4A16,
        HC_PRENORM,
        TRITON,
        TRITON_FP8_BLOCK,
        GENERIC,
        GGUF,
        SYSTOLIC_128,
        SYSTOLIC_256,
        SMALL_TILE,
    )
}
"""Every family by name, as calibration sections and engine profiles spell it."""
