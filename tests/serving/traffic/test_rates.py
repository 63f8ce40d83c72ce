"""Arrival times are the inverse of the expected number of arrivals, and gaps have their moments."""

from math import gamma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nonempty import nonempty
from scipy.integrate import quad

from simulator.serving.traffic.arrivals import draw_arrivals, draw_lengths, weibull_shape
from simulator.serving.traffic.synthetic import draw_requests
from simulator.specs.arrivals import Bursty, Constant, Diurnal, OnOff, Poisson, Ramp
from simulator.specs.lengths import Lognormal, Uniform
from simulator.specs.workload import Synthetic

COUNT = 400


def drawn(arrivals, seed, count=COUNT):
    return draw_arrivals(arrivals, count, np.random.default_rng(seed))


def expected(seed, count=COUNT):
    """Arrivals of a unit Poisson process, which those of varying rates are made of."""
    return np.cumsum(np.random.default_rng(seed).exponential(1.0, count))


@given(st.floats(0.1, 50.0), st.integers(0, 99))
def test_a_rate_only_stretches_time(rate, seed):
    assert drawn(Poisson(process="poisson", rate=rate), seed) == pytest.approx(
        expected(seed) / rate, rel=1e-9
    )
    assert drawn(Constant(process="constant", rate=rate), seed) == pytest.approx(
        np.arange(1, COUNT + 1) / rate
    )
    for process in ("gamma", "weibull"):
        one, many = (drawn(Bursty(process=process, rate=r, cv=1.7), seed) for r in (1.0, rate))
        assert many * rate == pytest.approx(one, rel=1e-9)


@given(st.floats(0.2, 30.0), st.floats(0.2, 30.0), st.floats(1.0, 50.0), st.integers(0, 99))
def test_as_many_come_on_a_ramp_as_its_rates_add_up_to(start, end, over, seed):
    times = drawn(Ramp(process="ramp", rate=start, to_rate=end, over=over), seed)

    def come(t):
        rising = np.minimum(t, over)
        mean = start + (end - start) * rising / (2 * over)
        return mean * rising + end * np.maximum(t - over, 0.0)

    assert come(times) == pytest.approx(expected(seed), rel=1e-7)


@given(
    st.floats(0.5, 30.0), st.sampled_from([0.0, 0.3, 5.0]), st.floats(1.0, 9.0),
    st.floats(1.0, 9.0),
    st.integers(0, 99),
)  # fmt: skip
def test_as_many_come_in_turns_as_both_rates_add_up_to(rate, off_rate, on, off, seed):
    times = drawn(OnOff(process="on-off", rate=rate, off_rate=off_rate, on=on, off=off), seed)

    def come(t):
        cycles = np.floor(t / (on + off))
        rest = t - cycles * (on + off)
        return (
            cycles * (rate * on + off_rate * off)
            + rate * np.minimum(rest, on)
            + off_rate * np.maximum(rest - on, 0.0)
        )

    assert come(times) == pytest.approx(expected(seed), rel=1e-7, abs=1e-7)


@given(st.floats(0.5, 30.0), st.floats(0.0, 1.0), st.floats(3.0, 90.0), st.integers(0, 99))
def test_as_many_come_in_a_day_as_its_rate_adds_up_to(rate, swing, period, seed):
    times = drawn(Diurnal(process="diurnal", rate=rate, swing=swing, period=period), seed, 20)
    for time, number in nonempty(zip(times[::5], expected(seed, 20)[::5], strict=True)):
        come, _ = quad(
            lambda t: rate * (1 - swing * np.cos(2 * np.pi * t / period)), 0.0, time, limit=200
        )
        assert come == pytest.approx(number, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("cv", [0.2, 0.5, 1.0, 2.0, 5.0])
def test_gaps_have_the_mean_and_the_spread_of_their_distribution(cv):
    shape = weibull_shape(cv)
    first, second = gamma(1 + 1 / shape), gamma(1 + 2 / shape)
    assert np.sqrt(second / first**2 - 1) == pytest.approx(cv, rel=1e-9)
    for process in ("gamma", "weibull"):
        gaps = np.diff(drawn(Bursty(process=process, rate=4.0, cv=cv), 0, 60_000))
        assert gaps.mean() == pytest.approx(0.25, rel=0.07)
        assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.15)


def test_lengths_keep_within_their_bounds():
    random = np.random.default_rng(0)
    even = draw_lengths(Uniform(kind="uniform", low=3, high=5), 3000, random)
    assert {int(x): int((even == x).sum()) for x in np.unique(even)}.keys() == {3, 4, 5}
    assert all(900 < (even == x).sum() < 1100 for x in (3, 4, 5))
    bounded = draw_lengths(
        Lognormal(kind="lognormal", mean=500, cv=2.0, low=300, high=900), 3000, random
    )
    assert (bounded.min(), bounded.max()) == (300, 900)
    free = draw_lengths(Lognormal(kind="lognormal", mean=1000, cv=0.5), 60_000, random)
    assert np.log(free).mean() == pytest.approx(np.log(1000) - np.log(1.25) / 2, abs=0.01)
    assert np.log(free).std() == pytest.approx(np.sqrt(np.log(1.25)), rel=0.02)


def requests(**others):
    base = {
        "arrivals": {"process": "poisson", "rate": 2},
        "input_tokens": 100,
        "output_tokens": 50,
        "requests": 300,
    }
    return draw_requests(Synthetic.model_validate(base | others))


def test_prompts_share_exactly_what_their_group_shares():
    table = requests(shared_prefix={"tokens": 500, "groups": 4, "skew": 0.0}, requests=200)
    assert table.prefix_block_tokens == 32
    texts = table.prefix_blocks
    assert all(len(text) == 600 // 32 for text in texts)
    common = 500 // 32
    groups = {text[:common] for text in texts}
    assert len(groups) == 4
    # Beyond the shared part no two prompts have a block in common, and no block comes twice.
    own = [block for text in texts for block in text[common:]]
    assert len(own) == len(set(own))
    for one in groups:
        assert len(set(one)) == common
        assert all(set(one).isdisjoint(other) for other in groups - {one})
    assert set(own).isdisjoint(block for one in groups for block in one)


def test_popular_prefixes_come_in_proportion_to_their_rank():
    table = requests(shared_prefix={"tokens": 64, "groups": 3, "skew": 1.0}, requests=6000)
    _, counts = np.unique([text[0] for text in table.prefix_blocks], return_counts=True)
    shares = np.sort(counts)[::-1] / 6000
    assert shares == pytest.approx(np.array([6, 3, 2]) / 11, abs=0.03)


def test_a_later_turn_repeats_all_that_was_said():
    table = requests(
        conversations={"turns": 3, "think_time": 2.0},
        shared_prefix={"tokens": 96, "groups": 1, "skew": 0.0},
        requests=60,
    )
    for row in range(60):
        turn = row % 3
        assert table.session[row] == row // 3
        assert table.follows[row] == (row - 1 if turn else -1)
        assert table.input_tokens[row] == 96 + 100 + turn * 150
        assert len(table.prefix_blocks[row]) == (96 + 100 + turn * 150 + 50) // 32
        if turn:
            before = table.prefix_blocks[row - 1]
            assert table.prefix_blocks[row][: len(before)] == before
    assert table.delay_s.mean() == pytest.approx(2.0, rel=0.4)
    assert (np.diff(table.arrival_s) >= 0).all()
