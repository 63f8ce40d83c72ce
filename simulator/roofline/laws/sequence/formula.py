"""What it costs to attend to picked entries, to pick them, and to carry a state along.

Three laws beside dense attention: a scorer that looks at every earlier entry and keeps the best
(DeepSeek-V3.2, arXiv:2512.02556), attention over the entries that were kept, and the recurrence
of linear attention and state-space layers (arXiv:2406.06484, arXiv:2405.21060).

All functions are pure: they broadcast NumPy arrays (or floats) and return float64 seconds, 0
where there is no work.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from simulator.roofline.laws.arrays import FloatArray, floats
from simulator.roofline.laws.attention.formula import DeviceRates
from simulator.roofline.laws.overlap import overlapped

_OVERLAP_EXPONENT = 3.0
"""How well moving hides behind multiplying: (a^p + b^p)^(1/p)."""

CHAIN_STATE_BYTES = 65536.0
"""State that one work item of a scan keeps in its unit: 128 × 128 numbers of four bytes."""
CHUNK_TOKENS = 64.0
"""Tokens that a chunkwise scan multiplies at once, one chunk after the other."""


@dataclass(frozen=True, slots=True)
class IndexerCalibration:
    """What is measured about scoring entries and picking the best.

    ``matrix_fraction``: of the peak, for the scores. ``bandwidth_fraction``: of the data sheet,
    for keys and scores. ``row_s``: picking for one query row, however few entries it has.
    ``latency_s``: launches to first result, of all kernels. ``rank_s``: one comparison of two
    scores of a row that is short enough to be ranked (see ``comparisons``).
    """

    matrix_fraction: float
    bandwidth_fraction: float
    row_s: float
    latency_s: float
    rank_s: float = 0.0


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
    # A device nobody has written such a kernel for: rows alone, spread evenly.
    "any": GatherKernel(tile_rows=1.0, splits=True),
}
"""Every family by name, as calibration sections spell it."""


@dataclass(frozen=True, slots=True)
class GatherCalibration:
    """What is measured about attending to gathered entries, each query row to its own.

    ``matrix_fraction``: of the peak, while multiplying. ``gather_speedup``: rate at which
    entries reach the units over the memory's data-sheet bandwidth (above 1 where the last-level
    cache serves rows that queries share). ``item_s``: start and end of one work item.
    ``latency_s``: launch to first result.
    """

    matrix_fraction: float
    gather_speedup: float
    item_s: float
    latency_s: float


@dataclass(frozen=True, slots=True)
class RecurrentStepCalibration:
    """What is measured about one decode step of a recurrence.

    ``bandwidth_fraction``: of the data sheet, for states read and written. ``latency_s``:
    launch to first result of one kernel.
    """

    bandwidth_fraction: float
    latency_s: float


@dataclass(frozen=True, slots=True)
class RecurrentScanCalibration:
    """What is measured about the chunkwise scan of prompts.

    ``matrix_fraction``: of a unit's peak, of one chunk's products. ``bandwidth_fraction``: of
    the data sheet, for states and rows. ``item_s``: start and end of one chain in a unit.
    ``latency_s``: launch to first result of one kernel.
    """

    matrix_fraction: float
    bandwidth_fraction: float
    item_s: float
    latency_s: float


def indexer_time_s(
    rates: DeviceRates,
    calibration: IndexerCalibration,
    rows: ArrayLike,
    flops: ArrayLike,
    key_bytes: ArrayLike,
    score_bytes: ArrayLike,
    compared: ArrayLike = 0.0,
) -> FloatArray:
    """Seconds to score entries (``flops``, reading ``key_bytes``) and to pick the best.

    The scores are written by one kernel and read by the next: their ``score_bytes`` do not
    hide behind the products. Picking takes each of the query ``rows`` some time of its own, and
    the ``compared`` pairs of scores theirs.
    """
    count, work, keys, scores = floats(rows, flops, key_bytes, score_bytes)
    multiply_s = work / (rates.peak_flops * calibration.matrix_fraction)
    bandwidth = rates.bandwidth_bytes_per_s * calibration.bandwidth_fraction
    busy_s = overlapped(multiply_s, keys / bandwidth, _OVERLAP_EXPONENT) + scores / bandwidth
    busy_s = busy_s + count * calibration.row_s
    busy_s = busy_s + np.asarray(compared, np.float64) * calibration.rank_s
    return np.where(work > 0.0, calibration.latency_s + busy_s, 0.0)


RANKED_ENTRIES = 2048.0
"""Entries up to which a row is ranked by comparing all with all; longer ones are first sieved
by a histogram (vLLM's ``top_k_per_row``)."""


def comparisons(rows: ArrayLike, first: ArrayLike, last: ArrayLike) -> FloatArray:
    """Comparisons in ``rows`` rows whose entries grow evenly from ``first`` to ``last``."""
    count, low, high = floats(rows, first, last)
    spread = np.maximum(high - low, 1e-6)
    upper, lower = np.minimum(low + spread, RANKED_ENTRIES), np.minimum(low, RANKED_ENTRIES)
    total: FloatArray = count * (upper**3 - lower**3) / (3.0 * spread)
    return total


def gather_attention_time_s(
    rates: DeviceRates,
    kernel: GatherKernel,
    calibration: GatherCalibration,
    rows: ArrayLike,
    pairs: ArrayLike,
    query_heads: ArrayLike,
    kv_heads: ArrayLike,
    dims: ArrayLike,
    bytes_per_entry: ArrayLike,
    *,
    launches: ArrayLike = 1.0,
    starts: bool = True,
) -> FloatArray:
    """Seconds for ``rows`` query rows to attend to ``pairs`` gathered entries altogether.

    ``dims`` are the values of a key and of a value together, ``bytes_per_entry`` those of one
    entry of all KV heads. A work item is one row of one KV head; its query heads are padded to
    the kernel's tile, and each tile loads its entries itself. ``launches`` follow each other.
    ``starts`` is False for a list that joins another one in the same items.
    """
    count, seen, heads, shared, width, size = floats(
        rows, pairs, query_heads, kv_heads, dims, bytes_per_entry
    )
    group = heads / shared
    tile = group if kernel.keys_stay else np.full_like(group, kernel.tile_rows)
    tiles = shared * np.ceil(group / tile)
    items = count * tiles
    rounds = items / rates.units
    if not kernel.splits:
        rounds = np.ceil(rounds - 1e-9)
    entries = seen / np.maximum(count, 1e-9)
    unit_flops = rates.peak_flops / rates.units * calibration.matrix_fraction
    work_s = rounds * entries * 2.0 * tile * width / unit_flops
    if starts:
        work_s = work_s + np.maximum(rounds, 1.0) * calibration.item_s
    loaded = np.where(kernel.keys_stay, 0.0, seen * size * tiles / shared)
    load_s = loaded / (rates.bandwidth_bytes_per_s * calibration.gather_speedup)
    busy_s = overlapped(work_s, load_s, _OVERLAP_EXPONENT)
    if kernel.joined_heads:
        busy_s = busy_s + _join_time_s(rates, kernel, items, entries, heads * count, width / 2.0)
    latency_s = np.asarray(launches, np.float64) * calibration.latency_s if starts else 0.0
    return np.where(seen > 0.0, latency_s + busy_s, 0.0)


_UNIT_SHARE = 2.5
"""What one unit alone pulls from the cache, over its share of the memory's bandwidth."""
_PARTIAL_BYTES = 4.0


def _join_time_s(
    rates: DeviceRates,
    kernel: GatherKernel,
    items: FloatArray,
    entries: FloatArray,
    rows: FloatArray,
    values: FloatArray,
) -> FloatArray:
    """Seconds to join the partial results of lists that idle units had a part of.

    One unit reads the parts of ``joined_heads`` of the ``rows`` (of a query and a head) one after
    another; nobody else helps, so what counts is the rate of a unit, not of the device.
    """
    parts = np.clip(
        entries / kernel.list_tile, 1.0, np.maximum(rates.units / np.maximum(items, 1e-9), 1.0)
    )
    rounds = np.maximum(rows / kernel.joined_heads / rates.units, 1.0)
    part_bytes = kernel.joined_heads * values * _PARTIAL_BYTES
    unit_rate = rates.bandwidth_bytes_per_s / rates.units * _UNIT_SHARE
    return np.asarray(rounds * (parts - 1.0) * part_bytes / unit_rate, np.float64)


def recurrent_step_time_s(
    rates: DeviceRates,
    calibration: RecurrentStepCalibration,
    state_bytes: ArrayLike,
    row_bytes: ArrayLike,
    kernels: ArrayLike = 1.0,
) -> FloatArray:
    """Seconds to move all states of a decode step through the units and back.

    ``state_bytes`` of all sequences are read and written once, ``row_bytes`` beside them.
    """
    states, others, launches = floats(state_bytes, row_bytes, kernels)
    moved = 2.0 * states + others
    move_s = moved / (rates.bandwidth_bytes_per_s * calibration.bandwidth_fraction)
    return np.where(moved > 0.0, launches * calibration.latency_s + move_s, 0.0)


def recurrent_scan_time_s(
    rates: DeviceRates,
    calibration: RecurrentScanCalibration,
    sequences: ArrayLike,
    tokens: ArrayLike,
    state_bytes: ArrayLike,
    flops_per_row: ArrayLike,
    bytes_per_row: ArrayLike,
    kernels: ArrayLike = 1.0,
) -> FloatArray:
    """Seconds to scan ``tokens`` new rows in each of ``sequences``, chunk after chunk.

    A chain is the part of one sequence's ``state_bytes`` that a unit holds (a head, mostly); its
    chunks follow each other, so a prompt alone uses as many units as it has chains however long
    it is, and chains beyond the units wait for the next round.
    """
    count, length, state, flops, size, launches = floats(
        sequences, tokens, state_bytes, flops_per_row, bytes_per_row, kernels
    )
    chains = count * state / CHAIN_STATE_BYTES
    rounds = np.ceil(chains / rates.units - 1e-9)
    chunks = np.ceil(length / CHUNK_TOKENS)
    chunk_flops = flops * CHUNK_TOKENS * CHAIN_STATE_BYTES / np.maximum(state, 1e-9)
    chunk_s = chunk_flops / (rates.peak_flops / rates.units * calibration.matrix_fraction)
    work_s = rounds * (calibration.item_s + chunks * chunk_s)
    moved = count * (2.0 * state + length * size)
    move_s = moved / (rates.bandwidth_bytes_per_s * calibration.bandwidth_fraction)
    total_s = launches * calibration.latency_s + overlapped(work_s, move_s, _OVERLAP_EXPONENT)
    return np.where(count * length > 0.0, total_s, 0.0)
