"""The power law: conservation, the limit, and the clock that a device at its limit had."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.roofline.device.power import (
    PowerCalibration,
    PowerShares,
    held_clock,
    power_calibration,
)

SHARES = PowerShares(idle=0.19, active=0.02, compute=2.05, memory=0.81, clock_exponent=1.7)
PEAKS = {"bf16": 989.4e12, "fp8": 1978.9e12}
BANDWIDTH = 4.8e12


def device(rated_w: float = 700.0) -> PowerCalibration:
    return power_calibration(SHARES, rated_w, PEAKS, BANDWIDTH)


H200 = device()


def plain(active_w: float) -> PowerCalibration:
    return PowerCalibration(
        limit_w=700.0, idle_w=100.0, active_w=active_w, joules_per_flop={"bf16": 1e-12},
        joules_per_hbm_byte=3e-11, joules_per_link_byte=1e-11, joules_per_host_byte=5e-11,
        clock_exponent=1.6, lowest_clock=0.15,
    )  # fmt: skip


def test_an_idle_device_draws_its_idle_power() -> None:
    assert H200.drawn_j(2.0, 0.0, 0.0, min) == pytest.approx(2 * 0.19 * 700)


def test_no_time_at_all_costs_nothing() -> None:
    assert H200.drawn_j(0.0, 0.0, 0.0, min) == 0


def test_work_below_the_limit_adds_its_energy_at_full_clock() -> None:
    work_j = float(H200.work_j({}, 1e9))
    assert work_j == pytest.approx(0.81 * 700 / BANDWIDTH * 1e9)
    drawn = H200.drawn_j(1e-3, 1e-3, work_j, min)
    assert drawn == pytest.approx((0.19 + 0.02) * 700 * 1e-3 + work_j)
    assert held_clock(H200, 1e-3, 1e-3, work_j) == 1


def test_a_large_product_is_held_at_the_limit_by_its_clock() -> None:
    seconds = 1e15 / (0.66 * PEAKS["bf16"])
    work_j = H200.work_j({"bf16": np.array(1e15)}, 0.0)
    assert H200.drawn_j(seconds, seconds, float(work_j), min) == H200.limit_w * seconds
    assert 0.6 < held_clock(H200, seconds, seconds, work_j) < 0.9


def test_the_clock_that_was_held_explains_the_limit() -> None:
    seconds = np.array([0.5, 1.0, 2.0])
    work_j = H200.work_j({"fp8": np.full(3, 2e15)}, 1e12)
    clock = held_clock(H200, seconds, seconds, work_j)
    dynamic = clock**1.7 * (H200.active_w * clock * seconds + work_j)
    assert np.all((clock > H200.lowest_clock) & (clock < 1))
    np.testing.assert_allclose(H200.idle_w * seconds + dynamic, H200.limit_w * seconds)


def test_one_step_at_a_time_equals_all_steps_at_once() -> None:
    work_j = np.array([0.0, 1.0, 100.0, 3000.0])
    together = H200.drawn_j(np.ones(4), np.ones(4), work_j)
    assert together.tolist() == [H200.drawn_j(1.0, 1.0, float(w), min) for w in work_j]
    clocks = held_clock(H200, 1.0, 1.0, work_j)
    assert clocks.tolist() == [float(held_clock(H200, 1.0, 1.0, w)) for w in work_j]


def test_the_energy_of_an_unknown_datatype_is_an_error() -> None:
    with pytest.raises(KeyError, match="int3"):
        H200.work_j({"int3": np.ones(1)}, 0.0)


def test_a_limit_below_idle_is_an_error() -> None:
    with pytest.raises(ValueError, match="limit_w"):
        replace(H200, limit_w=100.0, idle_w=133.0)


seconds = st.floats(min_value=1e-6, max_value=10)
joules = st.floats(min_value=0, max_value=1e4)
factors = st.floats(min_value=1, max_value=3)


@given(seconds, st.floats(0, 1), joules)
def test_watts_lie_between_idle_and_the_limit(time: float, busy: float, work: float) -> None:
    watts = H200.drawn_j(time, busy * time, work, min) / time
    assert H200.idle_w * (1 - 1e-12) <= watts <= H200.limit_w * (1 + 1e-12)


@given(seconds, st.floats(0, 1), joules, factors)
def test_more_work_in_the_same_time_never_draws_less_nor_clocks_higher(
    time: float, busy: float, work: float, factor: float
) -> None:
    known = time, busy * time
    assert H200.drawn_j(*known, work * factor, min) >= H200.drawn_j(*known, work, min)
    assert held_clock(H200, *known, work * factor) <= held_clock(H200, *known, work)


@given(seconds, joules, factors)
def test_a_larger_device_never_clocks_lower(time: float, work: float, factor: float) -> None:
    larger = device(700.0 * factor)
    assert held_clock(larger, time, 0.0, work) >= held_clock(H200, time, 0.0, work)


def test_a_known_idle_power_leaves_a_busy_device_as_it_was() -> None:
    known = power_calibration(SHARES, 700.0, PEAKS, BANDWIDTH, idle_w=50.0)
    shares = power_calibration(SHARES, 700.0, PEAKS, BANDWIDTH)
    assert known.drawn_j(2.0, 0.0, 0.0, min) == pytest.approx(100.0)
    assert known.drawn_j(1.0, 1.0, 30.0, min) == pytest.approx(shares.drawn_j(1.0, 1.0, 30.0, min))


def test_a_power_law_without_meaning_is_refused():
    sound = plain(active_w=20.0)
    replace(sound, lowest_clock=1.0, clock_exponent=0.0, active_w=0.0)
    for changes in (
        {"lowest_clock": 0.0}, {"lowest_clock": 1.01}, {"clock_exponent": -0.1}, {"idle_w": -1.0},
        {"limit_w": 100.0}, {"active_w": -1.0}, {"joules_per_hbm_byte": -1e-12},
        {"joules_per_flop": {"bf16": -1e-12}}, {"joules_per_link_byte": -1e-12},
        {"joules_per_host_byte": -1e-12},
    ):  # fmt: skip
        with pytest.raises(ValueError):
            replace(sound, **changes)
    # Power may fall with the clock no further than the lowest one.
    work_j = 1e5
    assert held_clock(sound, 1.0, 1.0, work_j) == pytest.approx(sound.lowest_clock, rel=1e-9)


@given(st.floats(10.0, 2000.0), st.floats(0.2, 1.0))
def test_a_clock_that_was_held_draws_the_limit(work_j, busy):
    sound = plain(active_w=200.0)
    clock = float(held_clock(sound, 1.0, busy, work_j))
    drawn = 100.0 + (200.0 * clock * busy + work_j) * clock**1.6
    if clock == 1.0:
        assert drawn <= 700.0 + 1e-6
    else:
        assert drawn == pytest.approx(700.0, rel=1e-6)
