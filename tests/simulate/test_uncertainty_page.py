"""The figures that docs/uncertainty.md states are those that answers have."""

import re
from math import log
from pathlib import Path

import pytest

import simulator as rs
from simulator.specs.catalogue import scenario_path
from simulator.specs.question import read_scenario
from simulator.specs.scenario import Scenario
from tests.nonempty import nonempty

PAGE = (Path(__file__).parents[2] / "docs" / "uncertainty.md").read_text(encoding="utf-8")
Z80 = 1.2816


def sigma_percent(**fields: object) -> float:
    step = rs.predict("h100-sxm", "llama-3.1-8b", context=1024, **fields)
    _, high = step.intervals["step_time_s"]
    return 100 * log(high / step.step_time_s) / Z80


def test_errors_of_steps() -> None:
    stated = re.search(r"has σ = ([\d.]+) %, a prompt of 1,024 tokens\n([\d.]+) %", PAGE)
    assert stated is not None
    decode, prompt = map(float, stated.groups())
    assert sigma_percent(batch=32) == pytest.approx(decode, abs=0.06)
    assert sigma_percent(phase="prefill", batch=1) == pytest.approx(prompt, abs=0.06)


def quick_start(rate: float) -> Scenario:
    return read_scenario(scenario_path("quickstart"), {"workload.arrivals.rate": rate})


def test_what_a_queue_makes_of_them() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*) to (.*) \| (.*) to (.*) \| (.*) to (.*) \|$", PAGE, re.M)
    for rate, *ends in nonempty(rows):
        result = rs.simulate(quick_start(float(rate)))
        found = [
            end / result.figures[key]
            for key in ("tpot_s", "ttft_p99_s", "output_tokens_per_s")
            for end in result.intervals[key]
        ]
        assert found == pytest.approx([float(end) for end in ends], abs=0.006)
