"""The power law: conservation, limits, and what a lower limit does to time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.roofline.device.power import (
    PowerCalibration,
    PowerShares,
    Work,
    power_and_time,
    power_at_measured_time,
    power_calibration,
    work_energy_j,
)

SHARES = PowerShares(idle=0.19, active=0.02, compute=2.05, memory=0.81, clock_exponent=1.7)
PEAKS = {"bf16": 989.4e12, "fp8": 1978.9e12}
BANDWIDTH = 4.8e12


def device(limit_w: float | None = None) -> PowerCalibration:
    return power_calibration(SHARES, 700.0, PEAKS, BANDWIDTH, limit_w)


def product(flops: float | np.ndarray, efficiency: float = 0.9) -> Work:
    seconds = flops / (efficiency * PEAKS["bf16"])
    return Work(seconds, seconds, {"bf16": flops}, hbm_bytes=0.0)


def stream(nbytes: float, efficiency: float = 0.9) -> Work:
    return Work(nbytes / (efficiency * BANDWIDTH), 0.0, {}, nbytes)


def test_an_idle_device_draws_its_idle_power() -> None:
    result = power_and_time(device(), Work(0.0, 0.0, {}, 0.0, gap_s=2.0))
    assert result.watts == pytest.approx(0.19 * 700)
    assert result.energy_j == pytest.approx(2 * 0.19 * 700)


def test_no_time_at_all_costs_nothing() -> None:
    result = power_and_time(device(), Work(0.0, 0.0, {}, 0.0))
    assert result.energy_j == 0
    assert np.isfinite(result.watts)


def test_work_below_the_limit_keeps_its_time_and_adds_its_energy() -> None:
    work = Work(1e-3, 0.0, {}, 1e9)
    result = power_and_time(device(), work)
    assert result.clock == 1
    assert result.time_s == 1e-3
    expected = (0.19 + 0.02) * 700 * 1e-3 + float(work_energy_j(device(), work))
    assert result.energy_j == pytest.approx(expected)


def test_a_large_product_is_held_at_the_limit_and_stretched() -> None:
    result = power_and_time(device(), product(1e15))
    assert result.watts == pytest.approx(device().limit_w, rel=1e-9)
    assert 0.6 < result.clock < 0.85
    assert result.time_s == pytest.approx(np.asarray(product(1e15).busy_s) / result.clock)


def test_work_bound_by_memory_meets_a_lower_limit_without_stretching() -> None:
    result = power_and_time(device(400.0), stream(1e12))
    assert result.clock < 1
    assert result.time_s == pytest.approx(np.asarray(stream(1e12).busy_s))
    assert result.watts == pytest.approx(device(400.0).limit_w, rel=1e-9)


def test_times_measured_at_the_limit_are_not_stretched_again() -> None:
    work = product(1e15, efficiency=0.66)
    result = power_at_measured_time(device(), work)
    assert result.clock < 1
    assert result.time_s == pytest.approx(np.asarray(work.busy_s), rel=1e-9)


def test_a_measured_time_is_stretched_by_a_lower_and_shrunk_by_a_higher_limit() -> None:
    work = product(1e15, efficiency=0.66)
    measured_at = device().limit_w
    lower = power_at_measured_time(device(500.0), work, measured_at)
    higher = power_at_measured_time(device(900.0), work, measured_at)
    assert higher.time_s < np.asarray(work.busy_s) < lower.time_s
    assert lower.energy_j < higher.energy_j


def test_full_clock_work_measured_under_its_own_limit_gives_itself_back() -> None:
    work = product(1e15)
    stretched = power_and_time(device(), work)
    again = power_at_measured_time(
        device(), Work(stretched.time_s, stretched.time_s, work.flops, 0.0)
    )
    assert again.clock == pytest.approx(stretched.clock, rel=1e-6)
    assert again.energy_j == pytest.approx(stretched.energy_j, rel=1e-6)


def test_one_step_at_a_time_equals_all_steps_at_once() -> None:
    flops = np.array([0.0, 1e12, 1e13, 1e15])
    together = power_and_time(device(), product(flops))
    for index, value in enumerate(flops):
        alone = power_and_time(device(), product(value))
        assert together.energy_j[index] == alone.energy_j
        assert together.clock[index] == alone.clock


def test_the_energy_of_an_unknown_datatype_is_an_error() -> None:
    with pytest.raises(KeyError, match="int3"):
        power_and_time(device(), Work(1.0, 1.0, {"int3": 1.0}, 0.0))


@pytest.mark.parametrize(
    "work",
    [Work(-1.0, 0.0, {}, 1.0), Work(1.0, 0.0, {}, -1.0), Work(1.0, 0.0, {}, 1.0, gap_s=-1.0)],
    ids=["time", "bytes", "gap"],
)
def test_negative_work_is_an_error(work: Work) -> None:
    with pytest.raises(ValueError, match="negative"):
        power_and_time(device(), work)


def test_a_limit_below_idle_is_an_error() -> None:
    with pytest.raises(ValueError, match="limit_w"):
        device(100.0)


seconds = st.floats(min_value=1e-6, max_value=10)
fractions = st.floats(min_value=0, max_value=1)
work_flops = st.floats(min_value=0, max_value=1e15)
work_bytes = st.floats(min_value=0, max_value=1e13)
limits = st.floats(min_value=200, max_value=1500)


@given(seconds, fractions, work_flops, work_bytes, seconds, limits)
def test_energy_is_watts_times_time_and_the_limit_holds(
    busy: float, bound: float, flops: float, nbytes: float, gap: float, limit: float
) -> None:
    calibration = device(limit)
    result = power_and_time(
        calibration, Work(busy, bound * busy, {"fp8": flops}, nbytes, gap_s=gap)
    )
    assert result.energy_j == pytest.approx(float(result.watts * result.time_s), rel=1e-12)
    assert result.time_s >= busy + gap
    assert result.watts >= calibration.idle_w * (1 - 1e-12)
    if result.clock > calibration.lowest_clock * (1 + 1e-9):
        assert result.watts <= calibration.limit_w * (1 + 1e-9)


@given(seconds, fractions, work_flops, work_bytes, limits, st.floats(min_value=1, max_value=2))
def test_a_higher_limit_is_never_slower_and_never_saves_clocked_energy(
    busy: float, bound: float, flops: float, nbytes: float, limit: float, factor: float
) -> None:
    work = Work(busy, bound * busy, {"bf16": flops}, nbytes)
    low = power_and_time(device(limit), work)
    high = power_and_time(device(limit * factor), work)
    assert high.time_s <= low.time_s * (1 + 1e-9)
    assert high.clock >= low.clock * (1 - 1e-9)
    assert high.watts >= low.watts * (1 - 1e-9)


@given(seconds, fractions, work_flops, work_bytes, st.floats(min_value=1, max_value=3))
def test_more_work_in_the_same_time_never_draws_less(
    busy: float, bound: float, flops: float, nbytes: float, factor: float
) -> None:
    less = power_and_time(device(), Work(busy, bound * busy, {"bf16": flops}, nbytes))
    more = power_and_time(
        device(), Work(busy, bound * busy, {"bf16": flops * factor}, nbytes * factor)
    )
    assert more.watts >= less.watts * (1 - 1e-9)
    assert more.time_s >= less.time_s * (1 - 1e-9)
