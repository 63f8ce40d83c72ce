"""Families of attention kernels: how each cuts its work. Facts of software, not calibration."""

from dataclasses import dataclass

import numpy as np

from simulator.roofline.laws.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class AttentionKernel:
    """Facts of a kernel family, read from its source: how it cuts attention into work items.

    ``tile_rows`` x ``tile_keys`` is the score tile of one inner step; ``wide_tile_rows`` are its
    rows for head dimensions above 128, which need the registers; ``even_key_tiles``: twice as many
    keys for head dimensions of at most 64 and half as many above 128, so that a tile of keys is
    always as large. ``packs_groups``: the query
    heads that share a KV head fill one tile together. ``max_splits``: into how many parts a
    context may be cut; ``splits_ungrouped``: whether also when every query head has its own KV
    head; ``packs_windows``: whether heads are packed and contexts cut in layers with a sliding
    window too; ``regroups_queries``: whether grouped queries of a batch are copied into tile order
    first. ``head_dim_granule``: head dimensions are padded up to a multiple of it.
    ``widens_cache``: a cache of 8 bits is widened and multiplied in 16.
    """

    tile_rows: float = 128.0
    tile_keys: float = 128.0
    wide_tile_rows: float = 128.0
    packs_groups: bool = True
    max_splits: float = 32.0
    splits_ungrouped: bool = True
    packs_windows: bool = True
    even_key_tiles: bool = False
    regroups_queries: bool = False
    head_dim_granule: float = 32.0
    widens_cache: bool = False

    def keys_in_tile(self, head_dim: FloatArray) -> FloatArray:
        """Keys of one inner step, for heads of that many dimensions."""
        if not self.even_key_tiles:
            return np.full(head_dim.shape, self.tile_keys)
        scale = np.where(head_dim <= 64.0, 2.0, np.where(head_dim <= 128.0, 1.0, 0.5))
        return np.asarray(self.tile_keys * scale, np.float64)


KERNELS = {
    # FlashAttention 2 and 3 (Dao, arXiv:2307.08691; Shah et al., arXiv:2407.08608).
    "flash-2-prefill": AttentionKernel(tile_rows=128, tile_keys=64, packs_groups=False),
    "flash-2-decode": AttentionKernel(
        tile_rows=64,
        wide_tile_rows=64,
        max_splits=128,
        splits_ungrouped=False,
        packs_windows=False,
        even_key_tiles=True,
        regroups_queries=True,
    ),
    # Over a paged cache, FlashAttention 2 cuts a prompt as it cuts a decode.
    "flash-2-paged-prefill": AttentionKernel(
        tile_rows=64, wide_tile_rows=64, packs_groups=False, even_key_tiles=True
    ),
    # FlashInfer's kernels of before Hopper widen an 8-bit cache tile by tile.
    "flashinfer-prefill": AttentionKernel(tile_keys=32, widens_cache=True),
    "flashinfer-decode": AttentionKernel(tile_rows=64, wide_tile_rows=64, widens_cache=True),
    "flash-3-prefill": AttentionKernel(),
    "flash-3-decode": AttentionKernel(tile_rows=64, wide_tile_rows=64, max_splits=32),
    # TensorRT-LLM's generated kernels, as FlashInfer ships them for Blackwell.
    "trtllm-gen-prefill": AttentionKernel(tile_rows=256, packs_groups=False),
    "trtllm-gen-decode": AttentionKernel(tile_rows=16, wide_tile_rows=16, max_splits=32),
    "flash-mla-decode": AttentionKernel(
        tile_rows=64, wide_tile_rows=64, tile_keys=64, widens_cache=True
    ),
    "trtllm-gen-mla-decode": AttentionKernel(tile_rows=128, wide_tile_rows=128, tile_keys=64),
    # FlashAttention 4's forward pass on Blackwell, used for expanded latent attention.
    "flash-4-mla-prefill": AttentionKernel(tile_rows=256, wide_tile_rows=256),
    "triton-mla-decode": AttentionKernel(
        tile_rows=16, wide_tile_rows=16, tile_keys=32, max_splits=4, widens_cache=True
    ),
    # One tall matrix unit that works through all sequences in turn.
    "systolic-prefill": AttentionKernel(tile_rows=256, wide_tile_rows=256, tile_keys=128),
    "systolic-decode": AttentionKernel(
        tile_rows=32, wide_tile_rows=32, tile_keys=128, max_splits=1
    ),
    # Cores with vector units: small tiles, heads spread over cores.
    "vector": AttentionKernel(
        tile_rows=16, wide_tile_rows=16, tile_keys=32, packs_groups=False, head_dim_granule=16
    ),
    # One query head's products with its keys are dot products: no rows are padded.
    "vector-decode": AttentionKernel(
        tile_rows=1, wide_tile_rows=1, tile_keys=32, packs_groups=False, head_dim_granule=16
    ),
}
"""Every family by name, as calibration sections spell it."""
