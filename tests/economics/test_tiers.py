"""Queries over tiers: none is lost, and each pays for all that it went through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.economics.tiers import paths, seen, within

COUNT = st.integers(1, 6)


@st.composite
def routers(draw):
    count = draw(COUNT)
    weights = [draw(st.floats(0.01, 1.0)) for _ in range(count)]
    shares = [weight / sum(weights) for weight in weights]
    onwards = [draw(st.floats(0.0, 1.0)) for _ in range(count - 1)] + [0.0]
    usd = [draw(st.floats(0.0, 1.0)) for _ in range(count)]
    return shares, onwards, usd


@given(routers())
def test_every_query_is_answered_once(router):
    shares, onwards, _ = router
    comes = seen(shares, onwards)
    answered = [share * (1 - onward) for share, onward in zip(comes, onwards, strict=True)]
    assert sum(answered) == pytest.approx(1.0)
    ways = paths(shares, onwards)
    assert sum(way.share for way in ways) == pytest.approx(1.0)
    for place, share in enumerate(answered):
        assert sum(w.share for w in ways if w.last == place) == pytest.approx(share, abs=1e-12)


@given(routers())
def test_the_mean_query_costs_what_its_ways_cost(router):
    shares, onwards, usd = router
    by_tier = sum(c * u for c, u in zip(seen(shares, onwards), usd, strict=True))
    by_way = sum(way.share * way.usd(usd) for way in paths(shares, onwards))
    assert by_way == pytest.approx(by_tier)


@given(routers(), st.floats(0.0, 3.0), st.floats(0.0, 3.0))
def test_a_larger_budget_is_kept_by_no_fewer(router, one, other):
    shares, onwards, usd = router
    ways = paths(shares, onwards)
    low, high = sorted((one, other))
    assert within(ways, usd, low) <= within(ways, usd, high) <= 1 + 1e-9


def test_by_hand():
    ways = paths([0.75, 0.25], [0.5, 0.0])
    assert [(way.first, way.last, way.share) for way in ways] == [
        (0, 0, 0.375), (0, 1, 0.375), (1, 1, 0.25),
    ]  # fmt: skip
    assert within(ways, [1.0, 10.0], 10.0) == pytest.approx(0.625)
