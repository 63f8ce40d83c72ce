"""Families of kernels that attend to picked entries. Facts of software, not calibration."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class GatherKernel:
    """Facts of a kernel that attends to a list of entries for each query row.

    ``tile_rows``: query heads of one work item, padded up. ``splits``: whether the list of a row
    is shared among units when there are few rows. ``walks_list``: whether the unfilled part of
    the list is multiplied too, and masked. ``prefill_heads``: from so many query heads on, a
    prompt runs the kernel for 16-bit entries instead, after widening its cache. ``list_tile``:
    entries of one step through a list, padded up. ``sequences``: as many share one launch,
    further ones wait for the next. ``keys_stay``: a unit keeps a block of keys while the rows
    that picked it come by, so heads need no padding and entries are loaded once.
    ``joined_heads``: heads whose partial results one unit joins where a list was shared (0: the
    kernel shares none).
    """

    tile_rows: float = 64.0
    splits: bool = False
    walks_list: bool = False
    prefill_heads: float = np.inf
    list_tile: float = 1.0
    sequences: float = np.inf
    keys_stay: bool = False
    joined_heads: float = 0.0


GATHER_KERNELS = {
    # FlashMLA's sparse forward pass, and its decode kernel for 8-bit entries on Hopper.
    "flash-mla-sparse": GatherKernel(),
    "flash-mla-sparse-decode": GatherKernel(splits=True, list_tile=64.0, joined_heads=8.0),
    "flash-mla-sparse-fp8": GatherKernel(splits=True, walks_list=True, prefill_heads=32.0),
    # The same behind two passes that widen the entries of four prompts into one workspace and a
    # third that joins window and compressed entries to one list (vLLM's DeepSeek-V4).
    "flash-mla-sparse-joined": GatherKernel(list_tile=128.0, sequences=4.0),
    # Whole blocks of keys for the query heads of one KV head (Triton).
    "triton-blocks": GatherKernel(tile_rows=16.0, splits=True),
    # The lists turned round on Blackwell, rows by block (fmha_sm100's build_k2q_csr).
    "fmha-sm100-blocks": GatherKernel(splits=True, keys_stay=True),
    # A device with matrix units whose kernels nobody knows: the heads that share entries are
    # multiplied together, and the work is spread evenly.
    "tiled": GatherKernel(splits=True),
    # A device nobody has written such a kernel for: rows alone, spread evenly.
    "any": GatherKernel(tile_rows=1.0, splits=True),
}
"""Every family by name, as calibration sections spell it."""
