"""Small memory-bound kernels: closed forms by hand and monotonicity."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.roofline.laws.elementwise.constants import ElementwiseCalibration
from simulator.roofline.laws.elementwise.formula import elementwise_time_s
from simulator.roofline.laws.elementwise.quantise import (
    PER_GROUP_16,
    PER_GROUP_128,
    PER_TENSOR,
    PER_TOKEN,
    STATIC,
    quantise_time_s,
)

SCHEMES = {s.name: s for s in (STATIC, PER_TOKEN, PER_TENSOR, PER_GROUP_128, PER_GROUP_16)}
BANDWIDTH = 4e12
UNITS = 100
CALIBRATION = ElementwiseCalibration(
    launch_s=2e-6,
    bandwidth_fraction=0.8,
    row_s=6e-10,
    element_s=1e-10,
    reduce_s=9e-10,
    sync_s=6e-7,
    atomic_s=7e-9,
    reduce_bandwidth_fraction=0.3,
)
PLAIN = ElementwiseCalibration(launch_s=2e-6, bandwidth_fraction=0.8)


def quantise_s(rows, width, scheme, **changes):
    arguments = {
        "bandwidth_bytes_per_s": BANDWIDTH,
        "units": UNITS,
        "calibration": CALIBRATION,
        "cache_bytes": 50e6,
        **changes,
    }
    return quantise_time_s(rows, width, scheme, **arguments)


def test_kernels_pay_a_launch_each_and_their_bytes_once():
    seven = elementwise_time_s(3.2e6, bandwidth_bytes_per_s=BANDWIDTH, calibration=PLAIN, kernels=7)
    assert seven == pytest.approx(7 * 2e-6 + 3.2e6 / 3.2e12)


def test_static_quantising_moves_three_bytes_an_element():
    measured = quantise_s(4096, 8192, STATIC, calibration=PLAIN)
    assert measured == pytest.approx(2e-6 + 3 * 4096 * 8192 / 3.2e12)


def test_short_rows_are_bound_by_starting_them():
    assert quantise_s(32_768, 32, STATIC) == pytest.approx(2e-6 + 32_768 * 6e-10)


def test_one_long_row_is_bound_by_walking_it():
    assert quantise_s(1, 65_536, STATIC) == pytest.approx(2e-6 + 65_536 * 1e-10)


def test_per_token_scale_reads_again_what_does_not_fit_the_cache():
    spilled = quantise_s(4096, 65_536, PER_TOKEN, calibration=PLAIN, cache_bytes=1e6)
    held = quantise_s(4096, 65_536, PER_TOKEN, calibration=PLAIN, cache_bytes=1e12)
    assert spilled - held == pytest.approx(2 * 4096 * 65_536 / 3.2e12, rel=1e-3)


def test_per_tensor_scale_waits_for_every_row_in_turn():
    extra = quantise_s(16_384, 64, PER_TENSOR) - quantise_s(16_384, 64, STATIC)
    assert extra == pytest.approx(2e-6 + 16_384 * 7e-9)


def test_group_scales_are_written_too():
    none = quantise_s(4096, 8192, STATIC, calibration=PLAIN, output_bits=4.0)
    grouped = quantise_s(4096, 8192, PER_GROUP_16, calibration=PLAIN, output_bits=4.0)
    assert grouped - none == pytest.approx(4096 * 8192 / 16 / 3.2e12)


def test_nothing_to_quantise_takes_no_time():
    np.testing.assert_array_equal(quantise_s([0, 16], [512, 0], PER_TENSOR), 0.0)


@pytest.mark.parametrize(("field", "value"), [("bandwidth_fraction", 1.5), ("launch_s", -1.0)])
def test_impossible_constants_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        replace(CALIBRATION, **{field: value})


@given(
    rows=st.integers(1, 40_000),
    width=st.integers(1, 70_000),
    factor=st.floats(1.0, 4.0),
    scheme=st.sampled_from(sorted(SCHEMES)),
)
def test_more_bandwidth_or_fewer_rows_are_never_slower(rows, width, factor, scheme):
    base = quantise_s(rows, width, SCHEMES[scheme])
    faster = quantise_s(rows, width, SCHEMES[scheme], bandwidth_bytes_per_s=BANDWIDTH * factor)
    assert faster <= base
    assert base <= quantise_s(rows + 1, width, SCHEMES[scheme])


@given(rows=st.integers(1, 40_000), width=st.integers(1, 70_000))
def test_a_dynamic_scale_never_costs_less_than_a_known_one(rows, width):
    static = quantise_s(rows, width, STATIC)
    assert static <= quantise_s(rows, width, PER_TOKEN)
    assert static <= quantise_s(rows, width, PER_TENSOR)
