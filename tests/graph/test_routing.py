"""Distinct experts, rows and the busiest rank: closed forms, bounds and monotonicity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.routing import (
    ExpertLoads,
    busiest_rank_imbalance,
    expert_loads,
    selection_probability,
    zipf_popularity,
)

EXPERTS = st.integers(2, 256)
EXPONENT = st.floats(0.0, 2.0)
TOKENS = st.integers(1, 20_000)


def selection(experts: int, top_k: int, exponent: float) -> np.ndarray:
    return selection_probability(zipf_popularity(experts, exponent), top_k)


def test_uniform_routing_has_its_closed_form():
    tokens = np.array([1.0, 2.0, 8.0, 64.0, 1024.0])
    expected = 128 * (1 - (1 - 8 / 128) ** tokens)
    uniform = selection(128, 8, 0.0)
    assert expert_loads(tokens, uniform).distinct() == pytest.approx(expected, rel=1e-9)
    assert expert_loads(tokens, uniform).distinct() == pytest.approx(expected, rel=1e-9)


@given(EXPERTS, EXPONENT, st.integers(1, 16))
def test_a_token_selects_exactly_its_top_k(experts: int, exponent: float, top_k: int):
    q = selection(experts, min(top_k, experts), exponent)
    assert q.sum() == pytest.approx(min(top_k, experts), rel=1e-6)
    assert np.all((q >= 0) & (q <= 1))
    assert np.all(np.diff(q) <= 1e-12)


@given(EXPERTS, EXPONENT, st.integers(1, 16), TOKENS, st.integers(0, 1000))
def test_distinct_experts_lie_between_top_k_and_all_and_grow(
    experts: int, exponent: float, top_k: int, tokens: int, more: int
):
    top_k = min(top_k, experts)
    few, many = expert_loads(
        [tokens, tokens + more], selection(experts, top_k, exponent)
    ).distinct()
    assert top_k * (1 - 1e-6) <= few <= experts * (1 + 1e-9)
    assert many >= few * (1 - 1e-12)


@given(st.integers(8, 256), st.floats(0.1, 2.0), TOKENS)
def test_skew_never_touches_more_experts_than_uniform_routing(
    experts: int, exponent: float, tokens: int
):
    skewed = expert_loads(tokens, selection(experts, 4, exponent)).distinct()
    assert skewed <= expert_loads(tokens, selection(experts, 4, 0.0)).distinct() * (1 + 1e-6)


@given(EXPERTS, EXPONENT, TOKENS)
def test_one_rank_computes_every_routed_row(experts: int, exponent: float, tokens: int):
    loads = expert_loads(tokens, selection(experts, 2, exponent))
    assert loads.total_rows() == pytest.approx(2 * tokens, rel=1e-6)


@given(
    st.sampled_from([64, 128, 256]), st.sampled_from([2, 4, 8, 16, 64]), EXPONENT,
    st.integers(1, 100_000),
)  # fmt: skip
def test_the_busiest_rank_has_at_least_the_mean_and_at_most_everything(
    experts: int, ranks: int, exponent: float, tokens: int
):
    imbalance = float(busiest_rank_imbalance(tokens, selection(experts, 8, exponent), ranks))
    assert 1.0 <= imbalance <= ranks * (1 + 1e-9)


def test_random_imbalance_fades_with_tokens_but_skew_does_not():
    tokens = np.array([16.0, 256.0, 1e6])
    uniform = busiest_rank_imbalance(tokens, selection(256, 8, 0.0), 32)
    skewed = busiest_rank_imbalance(tokens, selection(256, 8, 1.0), 32)
    assert np.all(np.diff(uniform) < 0)
    assert uniform[-1] == pytest.approx(1.0, abs=0.02)
    assert skewed[-1] > 1.5


def test_the_busiest_of_uniform_ranks_agrees_with_drawn_routings():
    rng = np.random.default_rng(0)
    experts, top_k, ranks, tokens = 128, 8, 8, 64
    busiest = []
    for _ in range(300):
        chosen = rng.random((tokens, experts)).argpartition(top_k, axis=1)[:, :top_k]
        busiest.append(np.bincount(chosen.ravel() // (experts // ranks), minlength=ranks).max())
    predicted = busiest_rank_imbalance(tokens, selection(experts, top_k, 0.0), ranks)
    assert predicted * tokens * top_k / ranks == pytest.approx(np.mean(busiest), rel=0.05)


def test_exact_counts_are_padded_expert_by_expert():
    rows = np.array([1.0, 16.0, 17.0, 0.0])
    loads = ExpertLoads(rows, (rows > 0) * 1.0, np.array([2.0, 1.0, 1.0, 5.0]), is_random=False)
    assert loads.row_blocks(16) == 2 + 1 + 2
    assert loads.distinct() == 4


@given(st.sampled_from([8, 16, 32, 64, 128]), st.floats(0.05, 5000.0))
def test_padded_rows_of_random_loads_agree_with_poisson_counts(block: int, mean: float):
    counts = np.random.default_rng(0).poisson(mean, 20_000)
    loads = ExpertLoads(
        np.array([mean]), np.array([-np.expm1(-mean)]), np.array([1.0]), is_random=True
    )
    # Where the counts hardly spread, the smooth form misses the staircase by half a block.
    step = 0.5 if mean < 4 * block**2 else 0.1
    assert float(loads.row_blocks(block)) == pytest.approx(np.ceil(counts / block).mean(), abs=step)
    assert float(loads.row_blocks(block)) * block >= mean * (1 - 1e-9)


@pytest.mark.parametrize(("experts", "exponent"), [(0, 1.0), (8, -1.0)])
def test_impossible_popularity_is_refused(experts: int, exponent: float):
    with pytest.raises(ValueError, match="experts"):
        zipf_popularity(experts, exponent)


def test_selecting_more_experts_than_there_are_is_refused():
    with pytest.raises(ValueError, match="cannot select"):
        selection_probability(np.ones(4), 5)
