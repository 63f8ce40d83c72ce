"""The attention laws: closed forms by hand, monotonicity, and the roofline as their floor."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.roofline.laws.attention.constants import DecodeCalibration, PrefillCalibration
from simulator.roofline.laws.attention.formula import (
    cached_fraction,
    decode_attention_time_s,
    mla_decode_time_s,
    mla_prefill_time_s,
    prefill_attention_time_s,
)
from simulator.roofline.laws.attention.kernels import KERNELS, AttentionKernel
from simulator.roofline.laws.rates import DeviceRates

RATES = DeviceRates(units=100, peak_flops=1e15, bandwidth_bytes_per_s=4e12)
IDEAL_PREFILL = PrefillCalibration(
    matrix_fraction=1.0,
    softmax_head_dims=0.0,
    bandwidth_fraction=1.0,
    cache_write_factor=0.0,
    store_token_s=0.0,
    item_s=0.0,
    imbalance=0.0,
    sustained_fraction=1.0,
    latency_s=0.0,
)
IDEAL_DECODE = DecodeCalibration(
    bandwidth_fraction=1.0,
    ramp_bytes=0.0,
    cache_speedup=2.0,
    unit_share=1e6,
    matrix_fraction=1.0,
    item_s=0.0,
    sequence_s=0.0,
    extra_pass_s=0.0,
    window_item_factor=1.0,
    latency_s=0.0,
)
TYPICAL_PREFILL = PrefillCalibration(
    matrix_fraction=0.78,
    softmax_head_dims=105.0,
    bandwidth_fraction=0.85,
    cache_write_factor=1.7,
    store_token_s=6e-10,
    item_s=1.8e-6,
    imbalance=0.3,
    sustained_fraction=0.85,
    latency_s=1.2e-5,
)
TYPICAL_DECODE = DecodeCalibration(
    bandwidth_fraction=0.96,
    ramp_bytes=1.5e7,
    cache_speedup=1.2,
    unit_share=2.5,
    matrix_fraction=0.4,
    item_s=1.9e-6,
    sequence_s=1.4e-8,
    extra_pass_s=2e-6,
    window_item_factor=1.6,
    latency_s=8e-6,
)
EXACT = AttentionKernel(tile_rows=1, tile_keys=1, wide_tile_rows=1, head_dim_granule=1)

kernels = st.sampled_from(sorted(KERNELS))
batches = st.integers(1, 512)
contexts = st.integers(1, 200_000)
prompts = st.integers(1, 8192)
groups = st.sampled_from([1, 2, 4, 7, 8, 16, 64])
kv_heads = st.sampled_from([1, 2, 4, 8, 32])
head_dims = st.sampled_from([64, 72, 128, 192, 256])
windows = st.sampled_from([128.0, 1024.0, np.inf])


def decode_s(batch, context, group=4, heads=8, dim=128, **changes):
    settings = {
        "rates": RATES,
        "kernel": AttentionKernel(tile_rows=64, wide_tile_rows=64),
        "calibration": TYPICAL_DECODE,
        **changes,
    }
    return decode_attention_time_s(
        settings.pop("rates"),
        settings.pop("kernel"),
        settings.pop("calibration"),
        batch,
        context,
        group * heads,
        heads,
        dim,
        **settings,
    )


def prefill_s(batch, new, past=0, group=4, heads=8, dim=128, **changes):
    settings = {
        "rates": RATES,
        "kernel": AttentionKernel(),
        "calibration": TYPICAL_PREFILL,
        **changes,
    }
    return prefill_attention_time_s(
        settings.pop("rates"),
        settings.pop("kernel"),
        settings.pop("calibration"),
        batch,
        new,
        past,
        group * heads,
        heads,
        dim,
        **settings,
    )


def test_causal_prefill_is_half_the_square_by_hand():
    # 32 heads x 1024 rows x (1024 + 1)/2 keys x 2 products x 2 x 128 FLOPs at 1 PFLOP/s,
    # and queries, outputs, keys and values once through 4 TB/s.
    flops = 32 * 1024 * (1025 / 2) * 4 * 128
    moved = 1024 * 256 * 2 * (32 + 8)
    kernel = replace(EXACT, packs_groups=False)
    time = prefill_s(1, 1024, calibration=IDEAL_PREFILL, kernel=kernel)
    assert time == pytest.approx(flops / 1e15 + moved / 4e12, rel=1e-12)


def test_encoder_sees_the_whole_square():
    flops = 32 * 1024 * 1024 * 4 * 128
    moved = 1024 * 256 * 2 * (32 + 8)
    time = prefill_s(1, 1024, calibration=IDEAL_PREFILL, kernel=EXACT, causal=False)
    assert time == pytest.approx(flops / 1e15 + moved / 4e12, rel=1e-12)


def test_prefill_pays_whole_tiles():
    # One row of one head still fills a 128 x 128 tile.
    kernel = AttentionKernel()
    tile_s = 4 * 128 * 128 * 128 / (1e15 / 100)
    calibration = replace(IDEAL_PREFILL, imbalance=1.0)
    time = prefill_s(1, 1, group=1, heads=1, calibration=calibration, kernel=kernel)
    moved = 256 * 2 * 2
    assert time == pytest.approx(tile_s * (1 + 1 / 100) + moved / 4e12, rel=1e-12)


@given(new=st.integers(1, 64), chunks=st.integers(1, 8))
def test_chunked_prefill_adds_up_to_the_whole(new, chunks):
    kernel = replace(EXACT, packs_groups=False)
    fast = replace(RATES, bandwidth_bytes_per_s=1e30)
    settings = {"calibration": IDEAL_PREFILL, "kernel": kernel, "rates": fast}
    whole = prefill_s(1, new * chunks, **settings)
    parts = sum(float(prefill_s(1, new, new * i, **settings)) for i in range(chunks))
    assert parts == pytest.approx(float(whole), rel=1e-9)


def test_decode_streams_the_cache_by_hand():
    moved = 64 * 8 * 4096 * 256 * 2 + 64 * 32 * 256 * 2
    assert decode_s(64, 4096, calibration=IDEAL_DECODE) == pytest.approx(moved / 4e12, rel=1e-3)


def test_decode_of_latent_attention_reads_keys_once():
    kernel = replace(EXACT, tile_rows=64, wide_tile_rows=64, tile_keys=64)
    time = mla_decode_time_s(RATES, kernel, IDEAL_DECODE, 100, 8192, 16)
    moved = 100 * 8192 * 576 * 2 + 100 * 16 * (576 + 512) * 2
    assert time == pytest.approx(moved / 4e12, rel=0.05)


def test_decode_of_many_heads_on_one_latent_is_compute_bound():
    kernel = KERNELS["flash-mla-decode"]
    time = mla_decode_time_s(RATES, kernel, IDEAL_DECODE, 100, 8192, 512)
    flops = 100 * 8192 * 512 * 2 * (576 + 512)
    assert time == pytest.approx(flops / 1e15, rel=0.05)


def test_a_lone_sequence_is_split_over_the_units():
    # Without splitting one unit would stream it all.
    calibration = replace(IDEAL_DECODE, unit_share=1.0)
    split = decode_s(1, 100_000, heads=1, calibration=calibration)
    whole = decode_s(
        1,
        100_000,
        heads=1,
        calibration=calibration,
        kernel=AttentionKernel(tile_rows=64, max_splits=1),
    )
    assert whole == pytest.approx(100_000 * 512 / (4e12 / 100), rel=1e-3)
    assert whole / split == pytest.approx(32, rel=0.05)


def test_prefill_of_latent_attention_stores_only_the_latent():
    calibration = replace(TYPICAL_PREFILL, cache_write_factor=10.0)
    kernel = AttentionKernel()
    latent = mla_prefill_time_s(RATES, kernel, calibration, 1, 4096, 0, 128)
    expanded = mla_prefill_time_s(
        RATES, kernel, calibration, 1, 4096, 0, 128, stored_dims=128 * 320
    )
    assert latent < expanded


def test_flash_attention_2_reads_a_window_once_for_every_query_head():
    kernel = KERNELS["flash-2-decode"]
    windowed = decode_s(64, 4096, group=8, kernel=kernel, window_tokens=1024)
    packed = decode_s(64, 1024, group=8, kernel=kernel)
    alone = decode_s(64, 4096, group=1, heads=64, kernel=kernel, window_tokens=1024)
    assert windowed > 3 * packed
    assert windowed <= alone


def test_an_empty_batch_costs_nothing():
    assert decode_s(0, 1000) == 0.0
    assert prefill_s(0, 1000) == 0.0
    assert prefill_s(4, 0, 1000) == 0.0


def test_arrays_broadcast():
    times = decode_s(np.array([[1], [8]]), np.array([128.0, 1024.0, 8192.0]))
    assert times.shape == (2, 3)
    assert times[1, 2] == decode_s(8, 8192)


def test_a_cache_that_holds_the_buffer_gives_it_all_back():
    share = cached_fraction(np.array([10.0, 69.0, 200.0]), 100.0)
    assert share.tolist() == [1.0, 1.0, 0.0]
    assert cached_fraction(1e6, 0.0) == 0.0


@given(batches, contexts, groups, kv_heads, head_dims, windows, kernels)
def test_decode_is_never_faster_than_the_data_sheet(b, c, g, k, d, w, name):
    time = decode_s(b, c, g, k, d, window_tokens=w, kernel=KERNELS[name])
    read = min(c, w)
    assert time >= b * k * read * 2 * d * 2 / RATES.bandwidth_bytes_per_s
    assert time >= b * g * k * read * 4 * d / RATES.peak_flops


@given(st.integers(1, 256), prompts, contexts, groups, kv_heads, head_dims, windows, kernels)
def test_prefill_is_never_faster_than_the_data_sheet(b, n, past, g, k, d, w, name):
    time = prefill_s(b, n, past, g, k, d, window_tokens=w, kernel=KERNELS[name])
    positions = past + 1 + np.arange(n)
    flops = b * g * k * 4 * d * float(np.minimum(positions, w).sum())
    moved = b * n * g * k * 2 * d * 2
    assert time >= flops / RATES.peak_flops * (1 - 1e-12)
    assert time >= moved / RATES.bandwidth_bytes_per_s


@given(batches, contexts, st.floats(1.0, 4.0), groups, kv_heads, windows, kernels)
def test_decode_never_gets_faster_with_context(b, c, more, g, k, w, name):
    kernel = KERNELS[name]
    shorter = decode_s(b, c, g, k, window_tokens=w, kernel=kernel)
    assert decode_s(b, c * more, g, k, window_tokens=w, kernel=kernel) >= shorter * (1 - 1e-12)


@given(batches, st.integers(0, 512), contexts, groups, kv_heads, kernels)
def test_decode_gets_faster_with_batch_by_no_more_than_the_combine_pass(b, more, c, g, k, name):
    # A fuller device needs no split contexts, hence no pass to combine them.
    kernel = KERNELS[name]
    smaller = decode_s(b, c, g, k, kernel=kernel)
    larger = decode_s(b + more, c, g, k, kernel=kernel)
    assert larger >= smaller - TYPICAL_DECODE.extra_pass_s - 1e-12


@given(batches, contexts, groups, kv_heads, st.floats(1.0, 10.0), kernels)
def test_decode_never_gets_slower_with_bandwidth(b, c, g, k, factor, name):
    kernel = KERNELS[name]
    faster = replace(RATES, bandwidth_bytes_per_s=RATES.bandwidth_bytes_per_s * factor)
    time = decode_s(b, c, g, k, kernel=kernel)
    assert decode_s(b, c, g, k, kernel=kernel, rates=faster) <= time * (1 + 1e-12)


@given(batches, prompts, contexts, st.floats(1.0, 3.0), groups, kv_heads, windows, kernels)
def test_prefill_never_gets_faster_with_work_or_slower_with_rates(b, n, p, more, g, k, w, name):
    settings = {"group": g, "heads": k, "window_tokens": w, "kernel": KERNELS[name]}
    time = prefill_s(b, n, p, **settings) * (1 - 1e-12)
    assert prefill_s(b * more, n, p, **settings) >= time
    assert prefill_s(b, n, p * more, **settings) >= time
    assert prefill_s(b, n * more, p, **settings) >= time
    faster = DeviceRates(100, RATES.peak_flops * more, RATES.bandwidth_bytes_per_s * more)
    assert prefill_s(b, n, p, rates=faster, **settings) * (1 - 1e-12) <= time / (1 - 1e-12)


@given(contexts, st.floats(1e6, 1e9))
def test_a_cold_cache_is_never_faster_than_a_warm_one(c, cache):
    assert decode_s(8, c) >= decode_s(8, c, cache_bytes=cache) * (1 - 1e-12)


def test_a_core_with_vector_units_pads_no_rows_of_one_query() -> None:
    one_core = DeviceRates(units=1, peak_flops=1e11, bandwidth_bytes_per_s=1e15)
    context, heads, dim = 3200, 20, 128
    seconds = decode_attention_time_s(
        one_core, KERNELS["vector-decode"], IDEAL_DECODE, 1, context, heads, heads, dim
    )
    assert seconds == pytest.approx(2 * context * heads * 2 * dim / 1e11, rel=1e-3)
