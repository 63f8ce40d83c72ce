"""The most load within the objectives, and what a token costs there."""

import pytest

from simulator.simulate.best import at_load_and_best
from simulator.simulate.cluster import resolve
from simulator.simulate.run import simulate
from simulator.simulate.saturation import PRECISION, saturation
from simulator.simulate.serving_point import whole_or_sample
from simulator.specs.question import ask, from_fields
from simulator.specs.scenario import Scenario


def served(hardware: str = "h100-sxm", **fields: object) -> Scenario:
    usual = {"hardware": hardware, "model": "llama-3.1-8b", "phase": "serve", "isl": 1000,
             "osl": 100, "requests": 150}  # fmt: skip
    return ask({"name": "served"}, from_fields({**usual, **fields}))


def most(scenario: Scenario):
    asked, cluster, _ = whole_or_sample(scenario, resolve(scenario))
    return saturation(asked, cluster)


def test_the_most_load_is_within_the_objectives_and_more_is_not():
    goals = {"objectives.ttft": 0.3, "objectives.tpot": 0.02}
    found = most(served(rate=5, **goals))
    assert "TTFT ≤ 300 ms, TPOT ≤ 20 ms for 90 % of requests" in found.words

    def attained(rate: float) -> float:
        result = simulate(served(rate=rate, requests=600, **goals))
        return result.goodput_requests_per_s / result.requests_per_s

    assert attained(found.requests_per_s / PRECISION**2) >= 0.87
    assert attained(found.requests_per_s * PRECISION**4) < 0.9


def test_what_a_machine_takes_does_not_depend_on_what_it_is_asked():
    few, many = (most(served(rate=rate)).requests_per_s for rate in (1, 30))
    assert few == pytest.approx(many, rel=0.05)


def test_stricter_objectives_never_allow_more_load():
    loads = [
        most(served(rate=5, **{"objectives.tpot": limit})).requests_per_s
        for limit in (0.008, 0.012, 0.03)
    ]
    assert loads == sorted(loads)
    assert loads[-1] <= most(served(rate=5)).requests_per_s * PRECISION


def test_a_goal_out_of_reach_has_no_load_and_says_so():
    beyond = served(rate=2, **{"objectives.tpot": 1e-6})
    assert most(beyond) is None
    answer = at_load_and_best(beyond)
    assert "best_requests_per_s" not in answer.figures
    assert any("no load keeps 90%" in note for note in answer.notes)


def test_users_of_a_closed_loop_become_more():
    found = most(served(concurrency=4, **{"objectives.tpot": 0.015}))
    assert found.users > 4


def test_a_load_that_does_not_fill_a_machine_says_nothing_of_its_price_at_best():
    """At a small load the dearer machine is the dearer one; at best it is the cheaper one."""
    goals = {"objectives.ttft": 0.5, "objectives.tpot": 0.02}
    small, large = (
        at_load_and_best(served(name, rate=3, **goals)) for name in ("h100-sxm", "b200")
    )
    assert small.usd_per_million_tokens < large.usd_per_million_tokens
    assert small.best_usd_per_million_tokens > large.best_usd_per_million_tokens
    for each in (small, large):
        assert each.capacity_fraction < 0.5 < each.busy_fraction
        low, high = each.intervals["best_usd_per_million_tokens"]
        assert low < each.best_usd_per_million_tokens < high
        assert each.best_usd_per_million_tokens < each.usd_per_million_tokens


def test_a_load_beyond_the_machine_is_told():
    answer = at_load_and_best(served(rate=200, requests=400))
    assert answer.overloaded
    assert answer.capacity_fraction == pytest.approx(200 / answer.best_requests_per_s, rel=0.2)
    assert any("times the" in note for note in answer.notes)


def test_short_answers_do_not_come_cheaper_than_the_prompts_they_answer():
    """Every step carries prompts here; answers once paid nothing for their part in such steps."""
    for isl, osl in ((8000, 10), (4000, 2), (2000, 1)):
        answer = simulate(served(isl=isl, osl=osl, rate=40, requests=200))
        assert answer.usd_per_million_output_tokens >= 0.99 * answer.usd_per_million_input_tokens
        parts = (
            answer.usd_per_million_input_tokens * isl + answer.usd_per_million_output_tokens * osl
        )
        assert parts == pytest.approx(answer.usd_per_million_tokens * (isl + osl), rel=1e-9)
