"""Errors, bias and coverage of groups."""

import math

import pytest

from simulator.validation.score import Sample, group_by, summarise


def sample(measured: float, predicted: float, sigma: float = 0.1, hardware: str = "a") -> Sample:
    return Sample(hardware, "m", "decode", "step_time_s", measured, predicted, sigma)


def test_perfect_predictions_have_no_error() -> None:
    group = summarise([sample(x, x) for x in (1.0, 2.0, 5.0)])
    assert group.mean_error == group.median_error == group.p90_error == 0.0
    assert group.bias == pytest.approx(1.0)
    assert group.coverage == 1.0


def test_errors_are_relative_to_what_was_measured() -> None:
    group = summarise([sample(10.0, 11.0), sample(10.0, 8.0)])
    assert group.mean_error == pytest.approx(0.15)
    assert group.mean_absolute == pytest.approx(1.5)


def test_coverage_counts_values_inside_the_interval() -> None:
    near, far = sample(1.0, 1.1), sample(1.0, 1.2)
    # 1.28 standard deviations of 0.1 reach to exp(0.128), 13.7 % away.
    assert summarise([near, far]).coverage == pytest.approx(0.5)


def test_predictions_without_an_interval_have_no_coverage() -> None:
    assert math.isnan(summarise([sample(1.0, 1.0, sigma=float("nan"))]).coverage)


def test_groups_part_by_the_named_fields_only() -> None:
    samples = [sample(1.0, 1.0, hardware=h) for h in ("b", "a", "b")]
    groups = group_by(samples, "hardware")
    assert [(g.hardware, g.rows, g.model) for g in groups] == [("a", 1, "all"), ("b", 2, "all")]
