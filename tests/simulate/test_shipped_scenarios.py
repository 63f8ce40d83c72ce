"""Each shipped scenario is a good example: explained, quick, sound, and showing what it says."""

import math

import pytest
from shipped import shortened

from simulator.planning.browse import list_scenarios
from simulator.simulate.run import simulate
from simulator.specs import catalogue
from simulator.specs.question import read_scenario
from simulator.specs.scenario import Objectives

SCENARIOS = catalogue.all_scenarios()
HEADLINE = (
    "ttft_s", "ttft_p99_s", "tpot_s", "e2e_s", "output_tokens_per_s", "requests_per_s", "power_w",
    "joules_per_output_token", "usd_per_million_tokens", "usd_per_million_output_tokens",
)  # fmt: skip


@pytest.mark.parametrize(("name", "path"), SCENARIOS.items(), ids=SCENARIOS)
def test_it_is_explained_and_says_what_good_service_is(name, path):
    assert path.read_text(encoding="utf-8").startswith("# ")
    scenario = read_scenario(path)
    assert scenario.name == name
    assert scenario.title
    assert scenario.objectives != Objectives()


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_runs_without_overload_and_has_every_headline_figure(name):
    result = simulate(shortened(name))
    assert result.finished == result.requests == 40
    for key in HEADLINE:
        value = result.figures[key]
        assert math.isfinite(value), key
        assert value > 0, key
    assert not result.overloaded
    assert result.goodput_requests_per_s > 0.5 * result.requests_per_s


def test_they_are_listed_with_what_they_show():
    assert {row.name: row.title for row in list_scenarios()} == {
        name: read_scenario(path).title for name, path in SCENARIOS.items()
    }


def test_a_closed_loop_gives_way():
    few = simulate(shortened("closed-loop", 256))
    many = simulate(shortened("closed-loop", 256, **{"workload.arrivals.users": 256}))
    assert many.e2e_s > 1.3 * few.e2e_s
    assert not many.overloaded


def test_a_trace_at_twice_its_pace_takes_half_the_time():
    fast = simulate(shortened("trace"))
    slow = simulate(shortened("trace", **{"workload.time_scale": 1}))
    assert slow.makespan_s / fast.makespan_s == pytest.approx(2, rel=0.1)


def test_pools_keep_answers_steady():
    apart = simulate(shortened("pools", 120))
    without = {"deployment.prefill": None, "deployment.decode": None}
    together = simulate(shortened("pools", 120, tp=4, replicas=2, **without))
    assert together.devices == apart.devices
    assert apart.figures["tpot_p90_s"] < 0.8 * together.figures["tpot_p90_s"]


def test_fewer_experts_on_the_card_mean_longer_steps():
    path = "deployment.offload.weights.experts_on_device"
    usual, fewer = simulate(shortened("offload")), simulate(shortened("offload", **{path: 8}))
    assert usual.figures["bound_decode"] == "link"
    assert fewer.tpot_s > 1.1 * usual.tpot_s


def test_four_bits_answer_about_three_times_as_fast_at_the_edge():
    full = simulate(shortened("edge", precision="bf16"))
    assert 2.5 < full.tpot_s / simulate(shortened("edge")).tpot_s < 4


def test_agents_find_their_prompts_in_the_cache():
    sticky = simulate(shortened("agents", 400))
    anywhere = {"deployment.scheduling.router": "round-robin"}
    spread = simulate(shortened("agents", 400, **anywhere))
    assert sticky.figures["hit_rate"] > 0.85
    assert spread.figures["hit_rate"] < sticky.figures["hit_rate"]
