"""The matrix-product law: closed forms by hand, monotonicity, and the roofline as its floor."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.roofline.laws.matmul.constants import MatmulCalibration
from simulator.roofline.laws.matmul.formula import k_block, matmul_time_s, resident_share
from simulator.roofline.laws.matmul.kernels import (
    CUBLAS,
    FAMILIES,
    SYSTOLIC_256,
    KernelFamily,
    Tile,
)

PEAK = 1e15
BANDWIDTH = 4e12
UNITS = 100
IDEAL = MatmulCalibration(
    peak_fraction=1.0, bandwidth_fraction=1.0, start_s=0.0, overlap=200.0, balance_tile=1e-3
)
TYPICAL = MatmulCalibration(
    peak_fraction=0.66,
    bandwidth_fraction=0.87,
    start_s=2.4e-6,
    overlap=2.7,
    balance_tile=90.0,
    block_s=9e-8,
    split_s=3e-6,
    write_fraction=0.75,
    burst_fraction=0.9,
    throttle_s=5e-4,
)
ONE_TILE = KernelFamily("one-tile", (Tile(128, 128),))

sizes = st.integers(1, 20_000)
factors = st.floats(1.0, 4.0)
families = st.sampled_from(sorted(FAMILIES))


def time_s(m, n, k, **changes):
    arguments = {
        "peak_flops": PEAK,
        "bandwidth_bytes_per_s": BANDWIDTH,
        "units": UNITS,
        "calibration": TYPICAL,
        "family": CUBLAS,
        "cache_bytes": 50e6,
        **changes,
    }
    return matmul_time_s(m, n, k, **arguments)


def test_large_compute_bound_product_runs_at_the_peak():
    # 1,280 x 12,800 is ten rows of a hundred 128 x 128 tiles: ten full waves on 100 units.
    measured = time_s(
        1280, 12_800, 65_536, calibration=IDEAL, family=ONE_TILE, cache_bytes=math.inf
    )
    assert measured == pytest.approx(2 * 1280 * 12_800 * 65_536 / PEAK, rel=1e-6)


def test_one_tile_more_than_a_wave_takes_a_whole_wave_more():
    full = time_s(
        128, 12_800, 65_536, calibration=IDEAL, family=ONE_TILE, bandwidth_bytes_per_s=1e20
    )
    over = time_s(
        128, 12_801, 65_536, calibration=IDEAL, family=ONE_TILE, bandwidth_bytes_per_s=1e20
    )
    assert over == pytest.approx(2 * full, rel=1e-9)


def matmul_bytes(m: float, n: float, k: float) -> tuple[float, float]:
    """Bytes read and written by a product of 16-bit values that touches each operand once."""
    return 2.0 * (m * k + n * k), 2.0 * m * n


def test_memory_bound_product_reads_and_writes_each_operand_once():
    read, written = matmul_bytes(1, 8192, 8192)
    assert (read, written) == (2 * (8192 + 8192 * 8192), 2 * 8192)
    measured = time_s(1, 8192, 8192, calibration=IDEAL)
    assert measured == pytest.approx((read + written) / BANDWIDTH, rel=1e-9)


def test_overlap_of_one_adds_memory_and_compute():
    both = time_s(128, 12_800, 4096, calibration=replace(IDEAL, overlap=1.0), family=ONE_TILE)
    compute = 2 * 128 * 12_800 * 4096 / PEAK
    memory = sum(matmul_bytes(128, 12_800, 4096)) / BANDWIDTH
    assert both == pytest.approx(compute + memory, rel=1e-6)


def test_each_group_reads_operands_of_its_own():
    measured = time_s(4096, 128, 8, groups=64, calibration=IDEAL, peak_flops=1e20)
    one_group = sum(matmul_bytes(4096, 128, 8))
    assert measured == pytest.approx(64 * one_group / BANDWIDTH, rel=1e-6)


def test_groups_fill_waves_together():
    # A hundred units compute 25 products of one tile in one wave, 125 in two.
    known = {"calibration": IDEAL, "family": ONE_TILE, "bandwidth_bytes_per_s": 1e20}
    one, two = (time_s(128, 128, 65_536, groups=count, **known) for count in (25, 125))
    assert two == pytest.approx(2 * one, rel=1e-9)


def test_writes_pay_their_own_bandwidth():
    halved = replace(IDEAL, write_fraction=0.5)
    read, written = matmul_bytes(8192, 8192, 64)
    slower = time_s(8192, 8192, 64, calibration=halved, cache_bytes=math.inf)
    assert slower == pytest.approx((read + 2 * written) / BANDWIDTH, rel=1e-9)


def test_split_k_fills_units_that_one_tile_leaves_idle():
    # One 128 x 128 tile on 100 units: split in four, four units share the reduction.
    split = replace(ONE_TILE, splits=(1, 4))
    kwargs = {"calibration": replace(IDEAL, split_s=1e-6), "bandwidth_bytes_per_s": 1e20}
    whole = time_s(128, 128, 65_536, family=ONE_TILE, **kwargs)
    quarters = time_s(128, 128, 65_536, family=split, **kwargs)
    assert quarters == pytest.approx(whole / 4 + 1e-6, rel=1e-3)


def test_split_k_is_not_used_where_joining_costs_more():
    split = replace(ONE_TILE, splits=(1, 4))
    kwargs = {"calibration": replace(IDEAL, split_s=1.0), "bandwidth_bytes_per_s": 1e20}
    assert time_s(128, 128, 65_536, family=split, **kwargs) == pytest.approx(
        time_s(128, 128, 65_536, family=ONE_TILE, **kwargs), rel=1e-12
    )


def test_systolic_array_pads_to_its_edge():
    kwargs = {
        "calibration": IDEAL, "family": SYSTOLIC_256, "units": 1, "bandwidth_bytes_per_s": 1e20,
    }  # fmt: skip
    padded = time_s(1, 1, 4096, **kwargs)
    assert padded == pytest.approx(2 * 256 * 256 * 4096 / PEAK, rel=1e-9)
    assert time_s(256, 256, 4096, **kwargs) == pytest.approx(padded, rel=1e-6)


def test_cached_operand_costs_less_and_never_negative_time():
    quick = replace(TYPICAL, cache_speedup=2.0)
    cold = time_s(1, 4096, 4096, calibration=quick)
    warm = time_s(1, 4096, 4096, calibration=quick, cached_bytes=2 * 4096 * 4096)
    more = time_s(1, 4096, 4096, calibration=quick, cached_bytes=1e12)
    assert 0.0 < more <= warm < cold


def test_a_cache_no_faster_than_the_memory_changes_nothing():
    assert time_s(1, 4096, 4096, cached_bytes=1e7) == time_s(1, 4096, 4096)


def test_residency_falls_from_all_to_nothing_between_one_and_two_cache_sizes():
    share = resident_share(np.array([0.0, 50e6, 75e6, 100e6, np.inf]), 50e6)
    np.testing.assert_allclose(share, [1.0, 1.0, 0.5, 0.0, 0.0])
    assert resident_share(1.0, 0.0) == 0.0


def test_operands_wider_than_the_cache_are_read_again():
    kwargs = {"calibration": replace(IDEAL, overlap=1.0)}
    once = time_s(32_768, 32_768, 8192, cache_bytes=1e12, **kwargs)
    again = time_s(32_768, 32_768, 8192, cache_bytes=50e6, **kwargs)
    assert again > once


def test_burst_is_faster_for_short_products_and_sustained_for_long_ones():
    short, long = time_s(1024, 4096, 4096, burst=True), time_s(32_768, 65_536, 65_536, burst=True)
    assert short < time_s(1024, 4096, 4096)
    assert long == pytest.approx(time_s(32_768, 65_536, 65_536), rel=0.01)


def test_row_ranges_of_tiles_are_respected():
    narrow = KernelFamily("by-rows", (Tile(64, 64, up_to_rows=64), Tile(256, 64, above_rows=64)))
    kwargs = {"calibration": IDEAL, "family": narrow, "bandwidth_bytes_per_s": 1e20}
    assert time_s(65, 64, 4096, **kwargs) == pytest.approx(4 * time_s(64, 64, 4096, **kwargs))


def test_nothing_to_compute_takes_no_time():
    np.testing.assert_array_equal(time_s([0, 128, 128], [128, 0, 128], [128, 128, 0]), 0.0)


def test_k_block_ignores_scale_bits():
    assert k_block(CUBLAS, 16.0) == 64
    assert k_block(CUBLAS, 8.0) == 128
    assert k_block(CUBLAS, 4.5) == 256


def test_arrays_broadcast_and_match_scalars():
    m, n = np.array([1.0, 64.0, 4096.0])[:, None], np.array([512.0, 8192.0])
    grid = time_s(m, n, 4096)
    assert grid.shape == (3, 2)
    assert grid[2, 1] == time_s(4096, 8192, 4096)


def test_many_rows_match_the_same_rows_one_by_one():
    m = np.arange(1.0, 10_001.0)
    np.testing.assert_array_equal(time_s(m, 1024, 1024)[::2500], time_s(m[::2500], 1024, 1024))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("peak_fraction", 1.2),
        ("bandwidth_fraction", 0.0),
        ("overlap", 0.5),
        ("start_s", -1e-6),
        ("balance_tile", 0.0),
        ("burst_fraction", 0.1),
    ],
)
def test_impossible_constants_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        replace(TYPICAL, **{field: value})


@given(m=sizes, n=sizes, k=sizes, factor=factors, family=families)
def test_more_bandwidth_is_never_slower(m, n, k, factor, family):
    base = time_s(m, n, k, family=FAMILIES[family])
    faster = time_s(m, n, k, family=FAMILIES[family], bandwidth_bytes_per_s=BANDWIDTH * factor)
    assert faster <= base * (1 + 1e-12)


@given(m=sizes, n=sizes, k=sizes, extra=st.integers(1, 300), family=families)
def test_more_units_of_the_same_kind_are_never_slower(m, n, k, extra, family):
    base = time_s(m, n, k, family=FAMILIES[family])
    units = UNITS + extra
    more = time_s(m, n, k, family=FAMILIES[family], units=units, peak_flops=PEAK / UNITS * units)
    assert more <= base * (1 + 1e-9)


@given(m=sizes, n=sizes, k=sizes, bits=st.floats(2.0, 16.0), family=families)
def test_fewer_weight_bytes_are_never_slower(m, n, k, bits, family):
    base = time_s(m, n, k, family=FAMILIES[family])
    assert time_s(m, n, k, family=FAMILIES[family], weight_bits=bits) <= base * (1 + 1e-12)


@given(m=sizes, n=sizes, k=sizes, burst=st.booleans(), family=families)
def test_never_below_the_roofline_of_the_data_sheet(m, n, k, burst, family):
    read, written = matmul_bytes(m, n, k)
    floor = max(2.0 * m * n * k / PEAK, (read + written) / BANDWIDTH)
    assert time_s(m, n, k, family=FAMILIES[family], burst=burst) >= floor * (1 - 1e-12)


@pytest.mark.parametrize(
    ("down", "across", "activations", "weights"),
    [
        # 36 units side by side share all rows' activations; three waves read them three times.
        (1, 108, 3, 1), (108, 1, 1, 3),
        # Waves of 6 x 6 tiles: two beside each other, and two above each other.
        (12, 12, 2, 2),
        # What fits one wave is read once.
        (6, 6, 1, 1), (1, 36, 1, 1), (36, 1, 1, 1), (1, 1, 1, 1),
    ],
)  # fmt: skip
def test_each_wave_reads_what_no_cache_holds(down, across, activations, weights):
    """On 36 units of 128 x 128 tiles that cost nothing to compute, behind no cache at all."""
    m, n, k = 128.0 * down, 128.0 * across, 512.0
    found = matmul_time_s(
        m, n, k, peak_flops=1e30, bandwidth_bytes_per_s=1e12, units=36, calibration=IDEAL,
        family=FAMILIES["systolic-128"], cache_bytes=1.0,
    )  # fmt: skip
    moved = activations * m * k * 2 + weights * n * k * 2 + m * n * 2
    assert found == pytest.approx(moved / 1e12, rel=1e-9)
