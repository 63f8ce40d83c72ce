"""Whatever was simulated is told, tabled and drawn: one request, none, all alike, all lost."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.report.chart import report_charts
from simulator.report.page import comparison_charts, comparison_page, report_page
from simulator.report.roof import Roof
from simulator.report.tables import comparison, summary
from simulator.report.write import images
from simulator.simulate.result import SimulationResult
from simulator.simulate.run import simulate
from simulator.specs.catalogue import scenario_path
from simulator.specs.question import read_scenario

BUDGET = int(os.environ.get("ROOFSIM_FUZZ", "40"))
IS_LONG = BUDGET > 1000
QUICK = Path(scenario_path("quickstart"))
LIMITS = st.sampled_from([1e-9, 0.5, 1e6])
ODD = st.fixed_dictionaries(
    {
        "workload.requests": st.sampled_from([1, 2, 3, 20, 60]),
        "workload.input_tokens": st.sampled_from([1, 2, 100, 30_000]),
        "workload.output_tokens": st.sampled_from([1, 2, 100, 1000]),
        "workload.arrivals": st.sampled_from(
            [
                {"process": "constant", "rate": 1e-4},
                {"process": "constant", "rate": 5},
                {"process": "poisson", "rate": 1e5},
                {"process": "closed-loop", "users": 7},
            ]
        ),
        "hardware": st.sampled_from(["h100-sxm", "apple-m4", "cerebras-wse-3", "tpu-v6e"]),
        "title": st.sampled_from(
            ["", "$5 of $6", "x" * 500, "日本語 <b>&amp;", "100 % \\frac{1}{2}"]
        ),
        "objectives.ttft": LIMITS,
        "objectives.tpot": LIMITS,
    },
    optional={
        "deployment.scheduling.failures": st.sampled_from(
            [[{"replica": 0, "at": at_s}] for at_s in (0, 0.01, 1, 1000)]
        ),
        "warm_up_requests": st.sampled_from([1, 100]),
        "deployment.max_context": st.sampled_from([10, 1000]),
        "economics.usd_per_device_hour": st.sampled_from([0, 1e-9, 1e6]),
    },
)
ONE_TOKEN_EACH = {
    "workload.requests": 50,
    "workload.input_tokens": 2000,
    "workload.output_tokens": 1,
    "workload.arrivals": {"process": "constant", "rate": 5},
    "deployment.scheduling.failures": [{"replica": 0, "at": 1.205}],
}


def simulated(fields: dict[str, object]) -> SimulationResult:
    return simulate(read_scenario(QUICK, fields))


PLAIN = simulated({"workload.requests": 20})


@pytest.mark.slow
@given(fields=ODD)
@settings(max_examples=200 if IS_LONG else 3)
@example(fields=ONE_TOKEN_EACH)
def test_every_result_is_told_tabled_and_drawn(fields):
    try:
        result = simulated(fields)
    except InputError as refused:
        assert refused.remedy
        assume(False)
    json.dumps(result.to_dict(), allow_nan=False)
    charts = report_charts(result, Roof.named(result.hardware))
    both = [PLAIN, result]
    assert report_page(result, charts)
    assert comparison_page(both, comparison_charts(both))
    assert summary(result) and comparison(both)
    drawn = {}
    for chart in (*charts, *comparison_charts(both)):
        drawn |= images(chart.name, chart.figure, chart.description)
    assert len(drawn) == 10
    assert all(drawn.values())
