"""Host-link laws: limits, monotonicity and conservation."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.roofline.laws.lookup.constants import GatherCalibration
from simulator.roofline.laws.lookup.formula import gather_time_s
from simulator.roofline.off_device.traffic import (
    ContentionCalibration,
    CopyCalibration,
    copy_time_s,
    slowdown_beside_copy,
    slowdown_beside_gather,
    time_beside_traffic_s,
)

LINK = 64e9
COPY = CopyCalibration(
    efficiency=0.85,
    floor_s=6.5e-6,
    overhead_s=3.8e-6,
    duplex_efficiency=0.92,
    pageable_bytes_per_s=7.9e9,
)
GATHER = GatherCalibration(
    efficiency=0.8,
    floor_s=9e-6,
    latency_s=6e-6,
    granule_bytes=128,
    lookups_per_s=3.3e7,
    resident_rows=32768,
    exposed=0.55,
)
CONTENTION = ContentionCalibration(copy_interference=5.4, core_interference=1.2)

sizes = st.floats(min_value=0, max_value=1e12)


def test_a_large_copy_runs_at_the_usable_bandwidth() -> None:
    assert copy_time_s(COPY, 1e11, LINK) == pytest.approx(1e11 / (0.85 * LINK), rel=1e-4)


def test_a_small_copy_takes_the_floor_and_no_copy_takes_nothing() -> None:
    np.testing.assert_allclose(copy_time_s(COPY, [0, 1, 4096], LINK), [0, 6.5e-6, 6.5e-6])


def test_both_ways_moves_more_in_total_but_each_way_slower() -> None:
    alone = copy_time_s(COPY, 1e9, LINK)
    together = copy_time_s(COPY, 1e9, LINK, both_ways=True)
    assert alone < together < 2 * alone


def test_pageable_memory_does_not_gain_from_a_faster_link() -> None:
    slow = copy_time_s(COPY, 1e9, LINK, pageable=True)
    assert slow == pytest.approx(1e9 / 7.9e9, rel=1e-3)
    assert copy_time_s(COPY, 1e9, 10 * LINK, pageable=True) == slow


@given(sizes, sizes)
def test_more_bytes_never_take_less_time(first: float, second: float) -> None:
    small, large = sorted((first, second))
    assert copy_time_s(COPY, small, LINK) <= copy_time_s(COPY, large, LINK)


@given(sizes, st.floats(min_value=1e9, max_value=1e12), st.floats(min_value=1, max_value=10))
def test_more_bandwidth_is_never_slower(nbytes: float, link: float, factor: float) -> None:
    assert copy_time_s(COPY, nbytes, link * factor) <= copy_time_s(COPY, nbytes, link)
    rows = nbytes / 1024
    faster = gather_time_s(GATHER, rows, 1024, link * factor)
    assert faster <= gather_time_s(GATHER, rows, 1024, link)


@given(
    st.integers(min_value=0, max_value=10**7),
    st.integers(min_value=0, max_value=10**7),
    st.integers(min_value=1, max_value=65536),
)
def test_more_rows_never_take_less_time(first: int, second: int, row_bytes: int) -> None:
    few, many = sorted((first, second))
    fewer = gather_time_s(GATHER, few, row_bytes, LINK)
    assert fewer <= gather_time_s(GATHER, many, row_bytes, LINK)


def test_rows_bind_when_small_and_bytes_bind_when_large() -> None:
    rows = 10**7
    small = gather_time_s(GATHER, rows, [64, 128], LINK)
    assert small[0] == small[1]  # a row of half a granule costs a whole one
    assert small[0] > rows / 3.4e7
    large = gather_time_s(GATHER, rows, 8192, LINK)
    assert large == pytest.approx(rows * 8192 / (0.8 * LINK), rel=1e-3)


def test_rows_never_touched_before_are_slower() -> None:
    cold = replace(GATHER, resident_rows=0)
    assert gather_time_s(cold, 16384, 256, LINK) > gather_time_s(GATHER, 16384, 256, LINK)


def test_a_gather_from_device_memory_moves_every_byte_twice() -> None:
    device = replace(GATHER, lookups_per_s=1e15, exposed=1.0)
    once = gather_time_s(device, 10**7, 4096, 4.8e12)
    twice = gather_time_s(device, 10**7, 4096, 4.8e12, moves_per_byte=2)
    assert twice == pytest.approx(2 * once, rel=0.01)


def test_slowdown_grows_from_one_with_traffic_and_with_lost_units() -> None:
    assert slowdown_beside_copy(CONTENTION, 0, 4.8e12) == 1
    beside_copy = slowdown_beside_copy(CONTENTION, [1e9, 55e9], 4.8e12)
    assert np.all(np.diff(beside_copy) > 0)
    beside_gather = slowdown_beside_gather(CONTENTION, 51e9, 4.8e12, [0, 16, 64], 132)
    assert np.all(np.diff(beside_gather) > 0)
    assert beside_gather[0] == slowdown_beside_copy(CONTENTION, 51e9, 4.8e12)


@given(
    st.floats(min_value=0, max_value=10),
    st.floats(min_value=0, max_value=10),
    st.floats(min_value=1, max_value=5),
)
def test_traffic_costs_a_kernel_at_most_the_time_it_lasts(
    alone: float, traffic: float, slowdown: float
) -> None:
    beside = float(time_beside_traffic_s(alone, traffic, slowdown))
    assert alone <= beside * (1 + 1e-12)
    assert beside <= alone + traffic + 1e-12
    assert beside <= alone * slowdown + 1e-12
