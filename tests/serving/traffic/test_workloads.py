"""Arrivals and lengths have the rates, spreads and shapes that were asked for."""

import numpy as np
import pytest
from closed_form_clock import (
    ClosedFormClock,
    serve,
    serve_watched,
    settings,
)
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from simulator.serving.traffic.arrivals import draw_arrivals, draw_lengths, weibull_shape
from simulator.serving.traffic.synthetic import draw_requests
from simulator.specs.arrivals import Arrivals
from simulator.specs.lengths import Length
from simulator.specs.workload import Synthetic

COUNT = 20_000


def arrivals(seed=0, count=COUNT, **spec):
    drawn = TypeAdapter(Arrivals).validate_python(spec)
    return draw_arrivals(drawn, count, np.random.default_rng(seed))


def lengths(spec):
    return draw_lengths(TypeAdapter(Length).validate_python(spec), COUNT, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("process", "cv"), [("poisson", 1.0), ("gamma", 0.5), ("gamma", 3.0), ("weibull", 2.0)]
)
def test_gaps_have_the_rate_and_the_burstiness(process, cv):
    spec = {"process": process, "rate": 5.0} | ({} if process == "poisson" else {"cv": cv})
    gaps = np.diff(arrivals(**spec))
    assert gaps.mean() == pytest.approx(0.2, rel=0.08)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.1)


def test_a_weibull_of_cv_one_is_exponential():
    assert weibull_shape(1.0) == pytest.approx(1.0, rel=1e-6)


def count_between(times, low, high):
    return int(((times >= low) & (times < high)).sum())


def test_a_ramp_goes_from_rate_to_rate():
    times = arrivals(process="ramp", rate=10, to_rate=50, over="600 s")
    assert count_between(times, 0, 60) == pytest.approx(60 * 12, rel=0.15)
    assert count_between(times, 540, 600) == pytest.approx(60 * 48, rel=0.1)
    assert count_between(times, 600, 640) == pytest.approx(40 * 50, rel=0.1)


def test_on_and_off_take_turns():
    times = arrivals(process="on-off", rate=40, on=10, off=30, off_rate=2) % 40
    assert count_between(times, 0, 10) / count_between(times, 10, 40) == pytest.approx(
        40 * 10 / (2 * 30), rel=0.1
    )
    silent = arrivals(process="on-off", rate=40, on=10, off=30) % 40
    assert (silent <= 10).all()


@pytest.mark.parametrize("swing", [0.3, 1.0])
def test_a_day_has_a_peak_and_a_trough(swing):
    times = arrivals(process="diurnal", rate=20, swing=swing, period=100)
    assert len(times) / times[-1] == pytest.approx(20, rel=0.03)
    phase = times % 100
    trough, peak = count_between(phase, 0, 10), count_between(phase, 45, 55)
    assert peak == pytest.approx((1 + swing) * len(times) / 10, rel=0.07)
    assert trough < (1 - 0.8 * swing) * len(times) / 10


@given(
    seed=st.integers(0, 1000),
    process=st.sampled_from(
        [
            {"process": "ramp", "rate": 5, "to_rate": 0.5, "over": 10},
            {"process": "on-off", "rate": 3, "on": 1, "off": 2},
            {"process": "diurnal", "rate": 3, "swing": 1.0, "period": 7},
        ]
    ),
)
def test_times_ascend(seed, process):
    times = arrivals(seed, 200, **process)
    assert (np.diff(times) >= 0).all()
    assert times[0] >= 0


def test_lengths():
    assert set(lengths(7).tolist()) == {7}
    even = lengths({"kind": "uniform", "low": 80, "high": 100})
    assert (even.min(), even.max()) == (80, 100)
    spread = lengths({"kind": "lognormal", "mean": 500, "cv": 0.8})
    assert spread.mean() == pytest.approx(500, rel=0.03)
    assert spread.std() / spread.mean() == pytest.approx(0.8, rel=0.05)
    drawn = lengths({"kind": "empirical", "values": [1, 9], "weights": [3, 1]})
    assert (drawn == 1).mean() == pytest.approx(0.75, abs=0.02)


def synthetic(**others):
    base = {
        "arrivals": {"process": "poisson", "rate": 2},
        "input_tokens": 100,
        "output_tokens": 50,
        "requests": 200,
    }
    return draw_requests(Synthetic.model_validate(base | others))


def test_each_figure_has_a_random_stream_of_its_own():
    spread = {"kind": "uniform", "low": 1, "high": 9}
    plain, varied = synthetic(), synthetic(input_tokens=spread)
    assert (plain.arrival_s == varied.arrival_s).all()
    other_seed = synthetic(seed=1)
    assert (plain.arrival_s != other_seed.arrival_s).any()


def test_a_shared_prefix_is_found_by_all_but_the_first_of_each_group():
    requests = synthetic(shared_prefix={"tokens": 640, "groups": 3, "skew": 1.0})
    assert (requests.input_tokens == 740).all()
    records = serve_watched(requests, settings(prefix_caching=True, kv_blocks=10_000)).records
    assert ((records.cached_tokens >= 640) | (records.cached_tokens == 0)).all()
    assert (records.cached_tokens == 0).sum() == 3


def test_conversations_grow_and_find_what_was_said():
    requests = synthetic(
        conversations={"turns": {"kind": "uniform", "low": 2, "high": 6}, "think_time": 1.0}
    )
    later = np.flatnonzero(requests.follows >= 0)
    before = requests.follows[later]
    grown = requests.input_tokens[before] + requests.output_tokens[before] + 100
    assert (requests.input_tokens[later] == grown).all()
    records = serve_watched(requests, settings(prefix_caching=True, kv_blocks=10_000)).records
    assert (records.arrival_s[later] >= records.finished_s[before] - 1e-9).all()
    # All but the last piece of what was said before is found again.
    said = requests.input_tokens[before] + requests.output_tokens[before]
    assert (records.cached_tokens[later] >= said - 48).all()


def test_a_conversation_ends_before_the_context_does():
    requests = synthetic(conversations={"turns": 50, "max_context": 1000})
    assert (requests.input_tokens + requests.output_tokens).max() <= 1000


def test_users_have_one_conversation_at_a_time():
    requests = synthetic(
        arrivals={"process": "closed-loop", "users": 5}, conversations={"turns": 4}
    )
    options = settings(users=5, prefix_caching=True, kv_blocks=10_000)
    outcome = serve_watched(requests, options)
    series = outcome.timeline.series()
    assert (series["running_s"] + series["waiting_s"]).max() <= 5 * outcome.timeline.bin_s + 1e-9


def test_users_who_ramp_up_begin_one_after_the_other():
    requests = synthetic(arrivals={"process": "closed-loop", "users": 10})
    records = serve(requests, ClosedFormClock(), settings(users=10, ramp_s=20.0)).records
    np.testing.assert_allclose(records.arrival_s[0], 0)
    assert records.arrival_s[:3].tolist()[0] == 0
    assert count_between(records.arrival_s, 0, 1.9) < 100
