"""What one attention kernel costs: prefill, decode, encoder, and latent (MLA) attention.

The laws count what a tiled attention kernel does and share it over the device's compute units.
They know nothing of a vendor: a device is its number of units, its dense peak and its memory
bandwidth (`DeviceRates`), a kernel family is the tile it works in (`AttentionKernel`), and what
only a measurement can tell are the few numbers of `PrefillCalibration` and `DecodeCalibration`.

All functions are pure: they broadcast NumPy arrays (or floats) and return float64 seconds, 0
for an empty batch. Token counts may be fractional, so a batch of unequal sequences can be costed
at its mean context.
"""

import numpy as np
from numpy.typing import ArrayLike

from simulator.roofline.laws.arrays import FloatArray, floats
from simulator.roofline.laws.attention.constants import DecodeCalibration, PrefillCalibration
from simulator.roofline.laws.attention.kernels import AttentionKernel
from simulator.roofline.laws.overlap import overlapped
from simulator.roofline.laws.rates import DeviceRates

# How well key tiles on their way hide behind the work on earlier ones, in the norm
# (a^p + b^p)^(1/p) of two overlapping times: 1 is not at all, infinity is perfectly.
_LOAD_OVERLAP_EXPONENT = 6.0
# The same for softmax beside the matrix products of one tile.
_SOFTMAX_OVERLAP_EXPONENT = 3.0


def _padded(size: FloatArray, granule: float) -> FloatArray:
    padded: FloatArray = np.ceil(size / granule) * granule
    return padded


def prefill_attention_time_s(
    rates: DeviceRates,
    kernel: AttentionKernel,
    calibration: PrefillCalibration,
    batch: ArrayLike,
    query_tokens: ArrayLike,
    past_tokens: ArrayLike,
    query_heads: ArrayLike,
    kv_heads: ArrayLike,
    head_dim: ArrayLike,
    *,
    value_dim: ArrayLike | None = None,
    kv_bytes_per_value: ArrayLike = 2.0,
    activation_bytes_per_value: ArrayLike = 2.0,
    stored_dims: ArrayLike | None = None,
    window_tokens: ArrayLike = np.inf,
    causal: bool = True,
    cache_bytes: ArrayLike = 0.0,
) -> FloatArray:
    """Seconds for ``query_tokens`` new tokens in each of ``batch`` sequences to attend.

    Each sequence already holds ``past_tokens`` in the KV cache (a chunk of a longer prompt).
    ``head_dim`` is that of queries and keys, ``value_dim`` that of values (the same if not
    given). ``stored_dims`` values a token go to the cache (all of its keys and values if not
    given). ``window_tokens`` limits how far a token looks back. With ``causal=False`` every
    token sees all others (encoders, which also write no cache). ``cache_bytes`` as for decode.

    Work is cut into items of ``tile_rows`` query rows of one head; item i visits only the key
    tiles it may see, which is the causal halving. The device runs ``units`` items at a time:
    total work over units, plus ``imbalance`` of the longest item, which is Graham's bound for
    list scheduling (SIAM J. Appl. Math. 17, 1969) with a measured constant. Moving queries,
    outputs and KV is not hidden behind it: an item loads before and stores after it multiplies.
    """
    b, new, past, heads, groups_of, key_dim = floats(
        batch, query_tokens, past_tokens, query_heads, kv_heads, head_dim
    )
    (out_dim,) = floats(head_dim if value_dim is None else value_dim)
    kv_size, act_size, window = floats(
        kv_bytes_per_value, activation_bytes_per_value, window_tokens
    )
    keys = kernel.keys_in_tile(key_dim)
    rows = np.where(key_dim > 128.0, kernel.wide_tile_rows, kernel.tile_rows)
    group = heads / groups_of
    if kernel.packs_groups:
        items = b * groups_of * np.ceil(new * group / rows)
        tokens_per_item = np.maximum(rows / group, 1.0)
    else:
        items = b * heads * np.ceil(new / rows)
        tokens_per_item = rows

    longest = np.ceil((past + new) / keys)
    if causal:
        # An item sees the past, all earlier items' tokens and, on the diagonal, whole tiles.
        diagonal = np.maximum(tokens_per_item, keys)
        seen = past + (np.ceil(new / keys) * keys + diagonal) / 2.0
        mean_tiles = np.minimum(longest, seen / keys)
    else:
        mean_tiles = longest
    in_window = np.ceil((window + tokens_per_item) / keys)
    longest = np.minimum(longest, in_window)
    mean_tiles = np.minimum(mean_tiles, in_window)

    peak_per_unit = rates.peak_flops / rates.units * calibration.sustained_fraction
    dims = _padded(key_dim, kernel.head_dim_granule) + _padded(out_dim, kernel.head_dim_granule)
    flops_per_dim = 2.0 * rows * keys / peak_per_unit
    multiply_s = flops_per_dim * dims / calibration.matrix_fraction
    softmax_s = flops_per_dim * 2.0 * calibration.softmax_head_dims
    tile_s = overlapped(multiply_s, softmax_s, _SOFTMAX_OVERLAP_EXPONENT)

    rounds = items / rates.units
    waiting = calibration.imbalance
    work_s = (rounds * mean_tiles + waiting * longest) * tile_s
    work_s += (rounds + waiting) * calibration.item_s

    dims_moved = key_dim + out_dim
    moved = b * new * heads * dims_moved * act_size
    moved = moved + b * groups_of * (past + new) * dims_moved * kv_size
    if causal:
        (row,) = floats(groups_of * dims_moved if stored_dims is None else stored_dims)
        stored = b * new * row * (act_size + kv_size)
        moved = moved + calibration.cache_write_factor * stored
    found = cached_fraction(moved, cache_bytes)
    moved = moved * (1.0 - found + found / calibration.cache_speedup)
    move_s = moved / (rates.bandwidth_bytes_per_s * calibration.bandwidth_fraction)
    if causal:
        move_s = move_s + b * new * calibration.store_token_s
    total_s = calibration.latency_s + work_s + move_s
    return np.where(b * new > 0.0, total_s, 0.0)


def cached_fraction(moved_bytes: ArrayLike, cache_bytes: ArrayLike) -> FloatArray:
    """Share of a buffer that a benchmark's repetitions find in the last-level cache.

    All of it while it fills at most 0.7 of the cache, nothing beyond 1.05 of it: reading more
    than the cache holds over and over evicts each line before its reuse. Measured on H100,
    H200 and B200, whose decode times jump between 32 MiB and 64 MiB (64 and 128 on B200).
    """
    moved, cache = floats(moved_bytes, cache_bytes)
    share: FloatArray = np.clip((1.05 * cache - moved) / (0.35 * np.maximum(cache, 1.0)), 0.0, 1.0)
    return share


def decode_attention_time_s(
    rates: DeviceRates,
    kernel: AttentionKernel,
    calibration: DecodeCalibration,
    batch: ArrayLike,
    context_tokens: ArrayLike,
    query_heads: ArrayLike,
    kv_heads: ArrayLike,
    head_dim: ArrayLike,
    *,
    value_dim: ArrayLike | None = None,
    values_within_keys: bool = False,
    kv_bytes_per_value: ArrayLike = 2.0,
    activation_bytes_per_value: ArrayLike = 2.0,
    window_tokens: ArrayLike = np.inf,
    cache_bytes: ArrayLike = 0.0,
) -> FloatArray:
    """Seconds for one new token in each of ``batch`` sequences to attend to its context.

    ``context_tokens`` counts the tokens read, the new one included; for unequal sequences it
    is their mean. ``values_within_keys``: values are a slice of the keys and not read again
    (MLA). ``cache_bytes`` is a condition of a measurement: the last-level cache in which a
    repeated kernel finds its KV again. In an engine other layers flush it: leave it 0.

    Work is cut into items of one sequence and KV head (``tile_rows`` query heads each). When
    there are fewer items than units, contexts are split and a combine pass merges the parts.
    A unit spends per item a fixed start and end, and then per key tile the longer of streaming
    and multiplying; that loop overlaps with the traffic of all units through memory.
    """
    b, context, heads, groups_of, key_dim = floats(
        batch, context_tokens, query_heads, kv_heads, head_dim
    )
    (out_dim,) = floats(head_dim if value_dim is None else value_dim)
    kv_size, act_size, window, cache = floats(
        kv_bytes_per_value, activation_bytes_per_value, window_tokens, cache_bytes
    )
    windowed = context > window
    read = np.minimum(context, window)
    group = heads / groups_of
    # Unpacked kernels waste rows, not reads: the heads of a group still share what they load.
    items = b * groups_of * np.ceil(group / kernel.tile_rows)
    alone = np.isfinite(window) & (not kernel.packs_windows)
    items = np.where(alone, b * heads, items)
    keys = kernel.keys_in_tile(key_dim)
    tiles = np.maximum(read / keys, 1.0) + windowed

    stored_dims = key_dim if values_within_keys else key_dim + out_dim
    # So many parts that the last round of items is as full as the others.
    rounds = np.maximum(np.ceil(items / rates.units - 1e-9), 1.0)
    splits = rounds * rates.units / np.maximum(items, 1e-9)
    splits = np.clip(splits, 1.0, np.minimum(tiles, kernel.max_splits))
    if not kernel.splits_ungrouped:
        splits = np.where(group > 1.0, splits, 1.0)
    splits = np.where(alone, 1.0, splits)

    tile_bytes = keys * stored_dims * kv_size
    unit_bandwidth = calibration.unit_share * rates.bandwidth_bytes_per_s / rates.units
    dims = _padded(key_dim, kernel.head_dim_granule) + _padded(out_dim, kernel.head_dim_granule)
    tile_flops = 2.0 * kernel.tile_rows * keys * dims
    unit_flops = rates.peak_flops / rates.units * calibration.matrix_fraction
    tile_s = np.maximum(tile_bytes / unit_bandwidth, tile_flops / unit_flops)
    item_s = calibration.item_s * np.where(windowed, calibration.window_item_factor, 1.0)

    moved = b * groups_of * read * stored_dims * kv_size
    moved = moved + b * heads * (key_dim + out_dim) * act_size
    ramp = calibration.ramp_bytes
    cold_bandwidth = rates.bandwidth_bytes_per_s * calibration.bandwidth_fraction
    cold_s = (moved + moved * ramp / (moved + ramp + 1.0)) / cold_bandwidth
    cached_s = moved / (rates.bandwidth_bytes_per_s * calibration.cache_speedup)
    found = cached_fraction(moved, cache)
    read_s = found * cached_s + (1.0 - found) * cold_s

    def busy_s(splits: FloatArray) -> FloatArray:
        rounds = np.ceil(items * splits / rates.units - 1e-9)
        loop_s = rounds * tiles / splits * tile_s
        passes = np.maximum(splits > 1.0, windowed)
        return (
            calibration.extra_pass_s * passes
            + rounds * item_s
            + overlapped(read_s, loop_s, _LOAD_OVERLAP_EXPONENT)
        )

    total_s = calibration.latency_s + calibration.sequence_s * b
    if kernel.regroups_queries:
        regroups = (b > 1.0) & (groups_of > 1.0) & (group > 1.0) & ~alone
        total_s = total_s + calibration.extra_pass_s * regroups
    total_s = total_s + np.minimum(busy_s(np.ones_like(items)), busy_s(splits))
    return np.where(b > 0.0, total_s, 0.0)


def mla_decode_time_s(
    rates: DeviceRates,
    kernel: AttentionKernel,
    calibration: DecodeCalibration,
    batch: ArrayLike,
    context_tokens: ArrayLike,
    query_heads: ArrayLike,
    *,
    latent_dim: ArrayLike = 512.0,
    rope_dim: ArrayLike = 64.0,
    kv_bytes_per_value: ArrayLike = 2.0,
    cache_bytes: ArrayLike = 0.0,
) -> FloatArray:
    """Seconds of latent attention's decode core, with the up-projections absorbed.

    All heads share one KV head: keys are the latent and the rotary part, values the latent
    (DeepSeek-V2, arXiv:2405.04434). The absorbing products around it are matrix products.
    """
    latent, rope = floats(latent_dim, rope_dim)
    return decode_attention_time_s(
        rates,
        kernel,
        calibration,
        batch,
        context_tokens,
        query_heads,
        1.0,
        latent + rope,
        value_dim=latent,
        values_within_keys=True,
        kv_bytes_per_value=kv_bytes_per_value,
        cache_bytes=cache_bytes,
    )


def mla_prefill_time_s(
    rates: DeviceRates,
    kernel: AttentionKernel,
    calibration: PrefillCalibration,
    batch: ArrayLike,
    query_tokens: ArrayLike,
    past_tokens: ArrayLike,
    query_heads: ArrayLike,
    *,
    key_dim: ArrayLike = 192.0,
    value_dim: ArrayLike = 128.0,
    stored_dims: ArrayLike = 576.0,
    kv_bytes_per_value: ArrayLike = 2.0,
) -> FloatArray:
    """Seconds of latent attention's prefill core on expanded keys and values.

    Every head has its own keys (content and rotary part) and values, read as activations;
    expanding the latent of new and past tokens into them is a matrix product beside it. Only
    the latent and rotary part, ``stored_dims`` values, go to the cache.
    ``kv_bytes_per_value`` is that of the expanded keys and values.
    """
    return prefill_attention_time_s(
        rates,
        kernel,
        calibration,
        batch,
        query_tokens,
        past_tokens,
        query_heads,
        query_heads,
        key_dim,
        value_dim=value_dim,
        stored_dims=stored_dims,
        kv_bytes_per_value=kv_bytes_per_value,
    )
