"""What is measured about attention kernels, and their laws in the book."""

from dataclasses import dataclass

from simulator.roofline.laws.attention.kernels import KERNELS
from simulator.roofline.laws.law import LawKind


@dataclass(frozen=True, slots=True)
class PrefillCalibration:
    """What is measured about a device's prefill (and encoder) attention kernel.

    ``matrix_fraction``: of the peak, while multiplying. ``softmax_head_dims``: cost of one
    exponential in head dimensions' worth of peak multiplications. ``bandwidth_fraction``: of
    the data sheet, for queries, outputs and KV. ``cache_write_factor``: traffic of storing new
    keys and values (a separate, scattered kernel; includes quantisation) over the ideal, and
    ``store_token_s``: what that kernel spends per token however short its row. ``item_s``:
    start and end of one work item. ``imbalance``: share of the longest item that the last units
    to finish leave the others waiting. ``sustained_fraction``: clock under an engine's
    continuous load over that of a benchmark's few short kernels (1 where a power model slows
    the clock instead). ``latency_s``: launch to first result. ``cache_speedup``: last-level cache
    over ``bandwidth_fraction`` of the memory, for what repeats of a benchmark find there.
    """

    matrix_fraction: float
    softmax_head_dims: float
    bandwidth_fraction: float
    cache_write_factor: float
    store_token_s: float
    item_s: float
    imbalance: float
    sustained_fraction: float
    latency_s: float
    cache_speedup: float = 1.0


@dataclass(frozen=True, slots=True)
class DecodeCalibration:
    """What is measured about a device's decode attention kernel.

    ``bandwidth_fraction``: of the data sheet, on long reads. ``ramp_bytes``: bytes by which
    filling the memory pipeline costs as much as reading them. ``cache_speedup``: last-level
    cache over data-sheet memory bandwidth. ``unit_share``: what one unit alone can stream, over
    its equal share of the bandwidth. ``matrix_fraction``: of the peak, per padded score tile.
    ``item_s``: start and end of one work item. ``sequence_s``: scheduling, per sequence of the
    batch. ``extra_pass_s``: a small kernel beside the main one (merging split contexts,
    regrouping queries). ``window_item_factor``: items of a sliding window (masked at both ends)
    over plain ones. ``latency_s``: launch to first result.
    """

    bandwidth_fraction: float
    ramp_bytes: float
    cache_speedup: float
    unit_share: float
    matrix_fraction: float
    item_s: float
    sequence_s: float
    extra_pass_s: float
    window_item_factor: float
    latency_s: float


DECODE = LawKind("attention.decode", DecodeCalibration, KERNELS, ("fp8",))
"""One new token of each sequence attends to its cache; caches of 8 bits have their own kernels."""
PREFILL = LawKind("attention.prefill", PrefillCalibration, KERNELS, ("fp8",))
"""The new tokens of prompts attend to the cache and to each other."""
LATENT_DECODE = LawKind("attention.latent_decode", DecodeCalibration, KERNELS, ("fp8",))
"""The same over latents that all heads share, up-projections absorbed."""
LATENT_PREFILL = LawKind("attention.latent_prefill", PrefillCalibration, KERNELS, ("fp8",))
"""The same over keys and values expanded from latents."""
