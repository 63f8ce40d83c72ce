"""How many tokens a step gives: closed forms, trees, and draws that agree with both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.roofline.modes.drafted import Drafted, positions_of, rate_of

rates = st.floats(0.0, 1.0)
depths = st.integers(1, 12)


@given(rates, depths)
def test_a_chain_gives_the_geometric_sum(rate, depth):
    """Leviathan et al., arXiv:2211.17192, equation 1."""
    found = Drafted(positions_of(rate, depth), depth + 1).tokens
    expected = depth + 1 if rate == 1 else (1 - rate ** (depth + 1)) / (1 - rate)
    assert found == pytest.approx(expected, rel=1e-9)


@given(st.floats(0.01, 0.99), depths)
def test_the_rate_behind_a_mean_is_found(rate, depth):
    tokens = Drafted(positions_of(rate, depth), depth + 1).tokens
    assert rate_of(tokens, depth) == pytest.approx(rate, abs=1e-9)


@given(rates, st.lists(st.integers(1, 6), min_size=1, max_size=6))
def test_more_candidates_are_never_worse(rate, widths):
    narrow, wide = (sum(positions_of(rate, len(widths), w)) for w in (None, widths))
    assert wide >= narrow - 1e-12


def test_whole_gains_are_counted_in_whole_numbers():
    assert isinstance(Drafted((1.0, 1.0), 3).tokens, int)


@pytest.mark.parametrize("accepted", [(0.8,), (0.7, 0.4, 0.1), (0.9, 0.9, 0.9, 0.2)])
def test_draws_take_as_many_steps_as_the_mean_gain_says(accepted):
    mode = Drafted(accepted, len(accepted) + 1, seed=3)
    steps = np.array([mode.steps_of(400, number) for number in range(400)])
    # A step beyond the answer is half a step's tokens too many on average.
    assert steps.mean() == pytest.approx(400 / mode.tokens, rel=0.01)
    assert steps.std() > 0
    counts = 1 + np.arange(len(accepted) + 1)
    chances = -np.diff([1.0, *accepted, 0.0])
    spread = np.sqrt(chances @ counts**2 - mode.tokens**2)
    # A renewal process: the variance of its count is that of a step over the cube of the mean.
    assert steps.std() == pytest.approx(spread * np.sqrt(400 / mode.tokens**3), rel=0.15)


def test_draws_are_those_of_seed_and_answer():
    mode = Drafted((0.6, 0.3), 3, seed=1)
    assert mode.steps_of(300, 7, 0) == mode.steps_of(300, 7, 0)
    drawn = {mode.steps_of(300, number, 0) for number in range(20)}
    other = {Drafted((0.6, 0.3), 3, seed=2).steps_of(300, number, 0) for number in range(20)}
    assert drawn != other and len(drawn) > 5


@given(st.integers(1, 500), st.integers(0, 50), st.floats(0, 1), depths)
def test_draws_stay_within_the_overshoot(tokens, number, rate, depth):
    mode = Drafted(positions_of(rate, depth), depth + 1, seed=0)
    steps = mode.steps_of(tokens, number)
    assert -(-tokens // (depth + 1)) <= steps <= tokens
    assert int(steps * mode.tokens) <= tokens + mode.overshoot(tokens)
