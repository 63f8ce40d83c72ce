"""One uncertainty: the same interval from every command, as wide as its causes make it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from simulator.planning.compare import compare
from simulator.serving.cluster import serve
from simulator.simulate.cluster import resolve
from simulator.simulate.figures import AT_BEST, FIGURES
from simulator.simulate.predict import predict
from simulator.simulate.replica import replica_of
from simulator.simulate.run import simulate
from simulator.simulate.slowed import FEWEST_REQUESTS, SlowedClock, first_requests
from simulator.simulate.traffic import cluster_settings, requests_of
from simulator.simulate.uncertainty import interval, widths_of
from simulator.specs.catalogue import scenario_path
from simulator.specs.quantity import Z_80
from simulator.specs.question import read_scenario

OPTIONAL = {
    "usd_per_million_cached_input_tokens", "usd_per_conversation", "usd_per_solved_task",
    "co2_g_per_million_tokens", "co2_g_per_request", "capacity_fraction", *AT_BEST,
}  # fmt: skip
"""Figures of what a workload may lack, a scenario may not give, or another command answers."""

UNCERTAIN = [figure.key for figure in FIGURES if figure.errors and figure.key not in OPTIONAL]


def scenario(**fields):
    return read_scenario(scenario_path("quickstart"), fields)


def loop(users=32, **fields):
    return scenario(**{
        "workload.arrivals": {"process": "closed-loop", "users": users},
        "workload.input_tokens": 1024, "workload.output_tokens": 64,
        "workload.requests": 10 * users, "workload.seed": 0, **fields,
    })  # fmt: skip


def poisson(rate, **fields):
    return scenario(**{"workload.arrivals": {"process": "poisson", "rate": rate},
                       "workload.requests": 600, **fields})  # fmt: skip


POOLS = {
    "deployment.prefill": {"tp": 1}, "deployment.decode": {"tp": 1, "replicas": 2},
}  # fmt: skip


def spread(answer, key):
    """Factor between the two ends of an interval."""
    low, high = answer.intervals[key]
    return high / low


def test_the_same_point_has_the_same_interval_from_every_command():
    asked = {"phase": "serve", "concurrency": 32, "isl": 1024, "osl": 64}
    point = predict("h100-sxm", "llama-3.1-8b", **asked)
    ran = simulate(loop())
    compared = compare(loop(), ["h100-sxm", "h200-sxm"], workers=1).results[0]
    for key in point.intervals:
        assert point.intervals[key] == pytest.approx(ran.intervals[key], rel=1e-12), key
        assert compared.intervals[key] == pytest.approx(ran.intervals[key], rel=1e-12), key
    uncertain = {figure.key for figure in point.shown if figure.errors}
    assert uncertain - set(ran.intervals) <= OPTIONAL


@pytest.mark.parametrize("pools", [{}, POOLS], ids=["one-pool", "two-pools"])
def test_every_figure_of_a_run_has_an_interval_around_it(pools):
    result = simulate(loop(16, **pools, **{"objectives.ttft": "1 s"}))
    for key in UNCERTAIN:
        low, high = result.intervals[key]
        assert 0 <= low <= result.figures[key] <= high, key
        assert math.isfinite(high), key
    for key in ("ttft_s", "ttft_p99_s", "tpot_s", "output_tokens_per_s", "power_w", "e2e_p90_s",
                "usd_per_million_tokens", "joules_per_output_token"):  # fmt: skip
        assert spread(result, key) > 1.05, key


def test_intervals_are_the_same_every_time():
    assert simulate(poisson(10)).intervals == simulate(poisson(10)).intervals


def test_a_system_near_saturation_is_less_certain_than_an_idle_one():
    idle, busy = simulate(poisson(2)), simulate(poisson(20))
    for key in ("tpot_s", "ttft_p99_s", "output_tokens_per_s", "goodput_requests_per_s"):
        assert spread(busy, key) > 1.05 * spread(idle, key), key


def test_open_arrivals_set_the_throughput_whatever_the_steps_take():
    result = simulate(poisson(2))
    assert spread(result, "output_tokens_per_s") < 1.02
    assert spread(result, "tpot_s") > 1.1


def test_the_ends_are_what_slower_and_faster_steps_give():
    """Of what neither price, power nor first token moves, by hand."""
    asked = loop(8, **{"workload.requests": 60})
    setup = replica_of(asked.hardware, asked.model, asked.deployment)
    result = simulate(asked)
    cluster = resolve(asked)
    table, settings = requests_of(asked.workload, cluster), cluster_settings(asked, cluster)
    own = np.hypot(*(float(part["tpot"]) for part in (setup.profile.serving, setup.profile.unset)))
    sigmas = [np.hypot(step.relative_sigma, own) for step in (result.decode, result.prefill)]
    ends = []
    for z in (-Z_80, Z_80):
        clock = SlowedClock(setup.step_table, *(float(np.exp(z * s)) for s in sigmas))
        pools = tuple(replace(pool, clock=clock) for pool in settings.pools)
        records = serve(table, replace(settings, pools=pools)).records
        ends.append(float(np.mean(records.tpot_s)))
    assert result.intervals["tpot_s"] == pytest.approx(sorted(ends))


def test_a_question_that_says_how_the_server_was_set_up_is_surer_of_the_first_token():
    left_open = simulate(loop(8, **{"workload.requests": 60}))
    told = simulate(loop(8, **{"workload.requests": 60, "deployment.max_batched_tokens": 8192}))
    assert told.figures["ttft_s"] == pytest.approx(left_open.figures["ttft_s"])
    assert spread(told, "ttft_s") < 0.9 * spread(left_open, "ttft_s")
    assert spread(told, "tpot_s") < spread(left_open, "tpot_s")


def test_a_slowed_clock_keeps_its_power():
    asked = loop(8)
    setup = replica_of(asked.hardware, asked.model, asked.deployment)
    clock, slow = setup.step_table, SlowedClock(setup.step_table, 1.5, 2.0)
    assert slow.decode(4).run(100.0, 7) == pytest.approx(
        [1.5 * part for part in clock.decode(4).run(100.0, 7)]
    )
    step = (4, 100.0, 2, 700, 0.0, 1)
    assert slow.mixed(*step) == pytest.approx([2.0 * part for part in clock.mixed(*step)])


@pytest.mark.parametrize(("requests", "users"), [(900, 1), (5000, 1), (40_000, 1), (40_000, 4000)])
def test_a_bounded_share_of_a_long_run_is_served_again(requests, users):
    asked = loop(users, **{"workload.requests": requests})
    cluster = resolve(asked)
    table, settings = requests_of(asked.workload, cluster), cluster_settings(asked, cluster)
    sample = first_requests(table, settings, warm_up=0)
    if requests <= 2 * FEWEST_REQUESTS:
        assert sample is table
    else:
        assert len(sample) == max(FEWEST_REQUESTS, requests // 20, 2 * users)
        np.testing.assert_array_equal(sample.input_tokens, table.input_tokens[: len(sample)])


def test_turns_of_conversations_stay_with_what_they_follow():
    asked = scenario(**{
        "workload.conversations": {"turns": 5, "think_time": 1},
        "workload.requests": 3000, "workload.input_tokens": 100, "workload.output_tokens": 10,
    })  # fmt: skip
    cluster = resolve(asked)
    settings = cluster_settings(asked, cluster)
    sample = first_requests(requests_of(asked.workload, cluster), settings, warm_up=0)
    assert sample.follows is not None
    assert (sample.follows < np.arange(len(sample))).all()


def test_independent_errors_add_as_squares():
    low, high = interval(10.0, [(0.3, 0.0), (0.4, 0.2)])
    assert (low, high) == (pytest.approx(10 * math.exp(-0.5)), pytest.approx(10 * math.exp(0.2)))


def test_offers_that_differ_widen_the_cost_alone():
    dear = predict("h100-sxm", "llama-3.1-8b", batch=8)
    fixed = simulate(loop(8, **{"economics.usd_per_device_hour": 2.0}))
    offered = simulate(loop(8))
    assert spread(offered, "usd_per_million_tokens") > 1.2 * spread(fixed, "usd_per_million_tokens")
    assert offered.intervals["tpot_s"] == fixed.intervals["tpot_s"]
    assert spread(dear, "usd_per_million_tokens") > spread(dear, "tpot_s")
    known = {"usd_per_s": 2.0, "usd_per_s_low": 1.0, "usd_per_s_high": 2.0}
    assert widths_of(0.0, 0.0, known)["price"] == (pytest.approx(math.log(2)), 0.0)


def test_a_step_errs_as_its_laws_do():
    answer = predict("h100-sxm", "llama-3.1-8b", batch=8, context=2048)
    setup = replica_of("h100-sxm", "llama-3.1-8b", scenario().deployment)
    step, power = spread(answer, "step_time_s"), setup.device.book.residual("power")
    assert spread(answer, "output_tokens_per_s") == pytest.approx(step)
    assert spread(answer, "power_w") == pytest.approx(math.exp(2 * Z_80 * power))
    both = math.hypot(math.log(step) / 2 / Z_80, power)
    assert spread(answer, "joules_per_output_token") == pytest.approx(math.exp(2 * Z_80 * both))


def test_nothing_met_its_objective_may_still_be_met_by_faster_steps():
    result = simulate(loop(8, **{"objectives.tpot": "6.5 ms"}))
    low, high = result.intervals["goodput_requests_per_s"]
    assert low == 0.0
    assert result.goodput_requests_per_s <= high
