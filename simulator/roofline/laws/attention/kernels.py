"""Families of attention kernels: how each cuts its work. Facts of software, not calibration."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AttentionKernel:
    """Facts of a kernel family, read from its source: how it cuts attention into work items.

    ``tile_rows`` x ``tile_keys`` is the score tile of one inner step; ``wide_tile_rows`` are its
    rows for head dimensions above 128, which need the registers. ``packs_groups``: the query
    heads that share a KV head fill one tile together. ``max_splits``: into how many parts a
    context may be cut; ``splits_ungrouped``: whether also when every query head has its own KV
    head; ``regroups_queries``: whether grouped queries of a batch are copied into tile order
    first. ``head_dim_granule``: head dimensions are padded up to a multiple of it.
    ``widens_cache``: a cache of 8 bits is widened and multiplied in 16.
    """

    tile_rows: float = 128.0
    tile_keys: float = 128.0
    wide_tile_rows: float = 128.0
    packs_groups: bool = True
    max_splits: float = 32.0
    splits_ungrouped: bool = True
    regroups_queries: bool = False
    head_dim_granule: float = 32.0
    widens_cache: bool = False


KERNELS = {
    # FlashAttention 2 and 3 (Dao, arXiv:2307.08691; Shah et al., arXiv:2407.08608).
    "flash-2-prefill": AttentionKernel(tile_rows=128, tile_keys=64, packs_groups=False),
    "flash-2-decode": AttentionKernel(
        tile_rows=64,
        wide_tile_rows=64,
        max_splits=128,
        splits_ungrouped=False,
        regroups_queries=True,
    ),
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
