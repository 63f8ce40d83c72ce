"""A class of devices fitted to those that are like it, each left out in turn."""

from dataclasses import replace

import numpy as np
import pytest

from simulator.specs.quantity import Z_80
from simulator.validation.class_defaults import (
    _of_one_more,
    decode_points,
    leave_one_out,
    table,
)
from simulator.validation.measured.point import Point
from simulator.validation.read import PUBLISHED, read_points

TWO = ("gaudi-2", "ascend-910b")


def points(factor: float = 1.0) -> list[Point]:
    """A few rows of two devices; those of Gaudi 2 as if it were so many times as fast."""
    found = [p for p in read_points(PUBLISHED) if p.hardware in TWO and not p.unasked]
    few = [p for name in TWO for p in [p for p in found if p.hardware == name][:6]]
    return [replace(p, value=p.value * factor) if p.hardware == "gaudi-2" else p for p in few]


def test_a_device_is_told_by_the_others_alone() -> None:
    before, after = leave_one_out(points(), TWO), leave_one_out(points(2.0), TWO)
    of = {found.device: found for found in before}
    changed = {found.device: found for found in after}
    assert set(of) == {*TWO, ""}
    # Its own rows move its errors, and neither the rates nor the interval that it is given.
    assert changed["gaudi-2"].rates == pytest.approx(of["gaudi-2"].rates)
    assert changed["gaudi-2"].sigma == pytest.approx(of["gaudi-2"].sigma)
    slower = changed["gaudi-2"].errors - of["gaudi-2"].errors
    assert slower == pytest.approx(np.full_like(slower, np.log(2.0)))
    assert changed["ascend-910b"].rates != pytest.approx(of["ascend-910b"].rates)
    assert "gaudi-2" in table(before)


def test_old_software_and_prompts_are_left_out() -> None:
    asked = {"engine": "vllm-v0", "precision": "bf16", "batch": 1, "context": 100}
    old = Point("mi300x", "llama-3.1-8b", "decode", "tpot_s", 0.01, asked)
    new = replace(old, question={**asked, "engine": "vllm"})
    prompt = replace(new, phase="prefill", quantity="ttft_s")
    assert decode_points([old, new, prompt]) == [new]


def test_the_interval_is_that_of_one_more_device() -> None:
    # Draw so many devices and one more: four of five are to be inside, however few were drawn.
    draws = np.random.default_rng(1).normal(size=(20_000, 6))
    for known in (3, 5):
        few, more = draws[:, :known], draws[:, known]
        middle = few.mean(axis=1)
        scatter = few.var(axis=1)
        sigma = np.array([_of_one_more(float(s), known) for s in scatter])
        inside = np.mean(np.abs(more - middle) <= Z_80 * sigma)
        assert inside == pytest.approx(0.8, abs=0.01)
