"""Families of grouped matrix kernels: what each library offers for a mixture-of-experts layer."""

from dataclasses import dataclass, replace

import numpy as np


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
    further_kernels: int = 0
    """Launches a layer beside those that every family has, see ``kernels``."""
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

    @property
    def kernels(self) -> int:
        """Launches a layer: sorting rows by expert, the two products and the sum at least.

        An activation that is not fused and rows that are copied into order are one more each.
        """
        own = (not self.activation_fused) + self.permutes_rows
        return 4 + own + self.further_kernels


TRITON = GroupedKernelFamily(
    "triton",
    ((16, 64), (16, 128), (32, 64), (32, 128), (64, 64), (64, 128), (128, 128), (128, 256)),
    quantise_kernels=2,
    sharding_kernels=2,
    walks_all_rows=True,
    blocks_per_pass=16,
)
"""vLLM's Triton fused MoE: its default configuration by batch and the tuned ones it ships."""

TRITON_KERNELS = GroupedKernelFamily(
    "triton_kernels",
    ((16, 128), (32, 128), (64, 128), (128, 128), (128, 256)),
    further_kernels=2,
    activation_fused=True,
    blocks_per_pass=8,
)
"""OpenAI's Triton kernels for gpt-oss: ragged products that touch only the rank's own rows."""

MARLIN = GroupedKernelFamily(
    "marlin",
    ((8, 128), (16, 128), (32, 128), (48, 128), (64, 128), (64, 256)),
    walks_all_rows=True,
)
"""Weight-only 4-bit with 16-bit activations: the weights are widened in registers."""

CUTLASS = GroupedKernelFamily(
    "cutlass",
    ((16, 128), (32, 128), (64, 128), (128, 128), (128, 256)),
    quantise_kernels=1,
    permutes_rows=True,
)
"""CUTLASS grouped GEMM as FlashInfer and TensorRT-LLM wrap it."""

DEEPGEMM = GroupedKernelFamily(
    "deepgemm",
    ((64, 128), (128, 128), (128, 160)),
    quantise_kernels=1,
    permutes_rows=True,
)
"""DeepGEMM's grouped layouts for block-scaled fp8; assumed, no measured table covers it."""

TRTLLM_GEN = GroupedKernelFamily(
    "trtllm_gen",
    ((8, 128), (16, 128), (32, 128), (64, 128), (128, 128), (256, 128)),
    quantise_kernels=1,
    activation_fused=True,
)
"""TensorRT-LLM's generated Blackwell kernels: operands swapped, so the row tile may be small."""

TRTLLM_GEN_BLOCK = GroupedKernelFamily(
    "trtllm_gen_block",
    TRTLLM_GEN.tiles,
    quantise_kernels=1,
    walks_all_rows=True,
)
"""The same for block-scaled fp8, where the activation and its scales are a kernel of their own."""

MUL_MAT_ID = GroupedKernelFamily(
    "mul_mat_id",
    ((1, 16), (8, 32), (16, 64), (32, 64), (64, 64), (64, 128)),
    host_launches=8,
    permutes_rows=True,
)
"""llama.cpp and MLX: matrix-vector products for few rows, indexed by expert."""

MUL_MAT_Q_ID = GroupedKernelFamily(
    "mul_mat_q_id",
    MUL_MAT_ID.tiles,
    further_kernels=9,
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
"""Every family by name, as calibration sections and engine profiles spell it."""
