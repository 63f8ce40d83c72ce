"""Hit rates of caches against closed forms and against a simulated cache."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.memory.reuse import lru_hits, popular_hits, zipf_head_share


@given(st.integers(2, 64), st.integers(1, 64))
def test_equally_popular_items_are_cached_equally_often(items: int, capacity: int) -> None:
    hits = lru_hits(np.full(items, 0.1), capacity)
    np.testing.assert_allclose(hits, min(1.0, capacity / items), rtol=1e-6)


@given(st.integers(1, 63), st.floats(0.0, 2.0))
def test_a_larger_cache_never_hits_less(capacity: int, skew: float) -> None:
    rates = np.arange(1, 65) ** -skew
    assert np.all(lru_hits(rates, capacity) <= lru_hits(rates, capacity + 1) + 1e-9)


def test_keeping_the_popular_ones_beats_keeping_the_recent_ones() -> None:
    rates = np.arange(1, 129) ** -1.0
    best = np.sum(rates * popular_hits(rates, 32))
    recent = np.sum(rates * lru_hits(rates, 32))
    assert recent < best < np.sum(rates)


def test_the_approximation_agrees_with_a_simulated_cache() -> None:
    rng = np.random.default_rng(1)
    rates = np.arange(1, 101) ** -0.8
    rates /= rates.sum()
    cache: dict[int, None] = {}
    hits = 0
    for item in rng.choice(100, size=40000, p=rates).tolist():
        hits += item in cache
        cache.pop(item, None)
        cache[item] = None
        if len(cache) > 30:
            del cache[next(iter(cache))]
    assert hits / 40000 == pytest.approx(float(np.sum(rates * lru_hits(rates, 30))), abs=0.01)


def test_the_head_of_a_zipf_law() -> None:
    ranks = np.arange(1, 1_000_001)
    exact = np.sum(ranks[:10_000] ** -1.0) / np.sum(ranks**-1.0)
    assert zipf_head_share(1e6, 1.0, 1e4) == pytest.approx(exact, rel=0.01)
    assert zipf_head_share(1e9, 1.0, 1e9) == 1.0
    assert zipf_head_share(1e6, 0.0, 1e5) == pytest.approx(0.1, rel=1e-3)
