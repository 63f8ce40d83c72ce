"""What a month costs against its volume, and where two curves meet."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simulator.economics.curve import Curve, break_even, break_even_utilisation

DOLLARS = st.floats(0.01, 1e6)
REQUESTS = st.floats(1.0, 1e9)
FLEETS = st.builds(
    lambda unit, of_unit, room, spare, each: Curve(
        unit_usd=unit, of_unit=of_unit, capacity=of_unit * room, spare=spare, each_usd=each
    ),
    DOLLARS,
    st.floats(10.0, 1e6),
    st.floats(1.0, 10.0),
    st.integers(0, 3),
    st.floats(0.0, 0.01),  # even such as are next to nothing
)
PRICES = st.builds(lambda each: Curve(each_usd=each), st.floats(1e-6, 1.0))
FLAT = st.builds(lambda usd: Curve(fixed_usd=usd), DOLLARS)
CURVES = st.one_of(FLEETS, PRICES, FLAT)


@given(CURVES, REQUESTS, REQUESTS)
def test_more_traffic_never_costs_less(curve, one, other):
    low, high = sorted((one, other))
    assert curve.usd(low) <= curve.usd(high)


@given(CURVES, CURVES)
@settings(max_examples=50, deadline=None)
def test_a_break_even_is_where_both_cost_the_same(one, other):
    volume = break_even(one, other)
    assume(volume is not None)
    assert one.usd(volume) == pytest.approx(other.usd(volume), rel=1e-9)
    assert break_even(other, one) == pytest.approx(volume, rel=1e-9)


@given(FLEETS, PRICES)
@settings(max_examples=50, deadline=None)
def test_below_the_break_even_the_api_is_cheaper(fleet, price):
    volume = break_even(fleet, price)
    assume(volume is not None)
    for part in (0.01, 0.5, 0.99):
        assert fleet.usd(part * volume) > price.usd(part * volume) * (1 - 1e-9)


@given(FLEETS, st.floats(0.02, 1.0))
def test_full_to_that_share_a_request_of_a_fleet_costs_as_much(fleet, each):
    share = break_even_utilisation(fleet, each)
    assume(share is not None and share <= 1)
    of_unit = fleet.unit_usd / (share * fleet.capacity) + fleet.each_usd
    assert of_unit == pytest.approx(each)


def test_a_fleet_that_is_dearer_even_when_full_never_meets():
    fleet = Curve(unit_usd=100.0, of_unit=10.0, capacity=10.0)
    assert break_even(fleet, Curve(each_usd=1.0)) is None
    assert break_even_utilisation(fleet, 1.0) == pytest.approx(10.0)
    assert break_even_utilisation(Curve(each_usd=1.0), 2.0) is None


def test_a_flat_price_against_one_for_each():
    assert break_even(Curve(fixed_usd=2200.0), Curve(each_usd=15.0)) == pytest.approx(2200 / 15)
    assert break_even(Curve(fixed_usd=1.0), Curve(fixed_usd=2.0)) is None
    assert break_even(Curve(each_usd=1.0), Curve(each_usd=1.0)) is not None
    assert break_even(Curve(fixed_usd=1.0), Curve(each_usd=5e-324)) is None, "beyond any number"


def test_the_first_of_several_meetings_counts():
    fleet = Curve(unit_usd=10.0, of_unit=10.0, capacity=12.0)
    price = Curve(each_usd=1.05)
    volume = break_even(fleet, price)
    assert volume == pytest.approx(10.0 / 1.05)
    assert fleet.usd(10.5) > price.usd(10.5), "the second unit is dearer again at first"


@given(FLEETS, st.floats(0.1, 10.0), REQUESTS)
def test_prices_scale_all_of_it(fleet, factor, volume):
    assert fleet.times(factor).usd(volume) == pytest.approx(factor * fleet.usd(volume))


def test_a_volume_of_whole_units_but_for_rounding_needs_no_further_one():
    third = Curve(unit_usd=1.0, of_unit=0.1, capacity=0.1)
    assert third.units(0.1 + 0.1 + 0.1) == 3
    assert Curve(unit_usd=1.0, of_unit=10.0).units(0.0) == 1
    assert math.isinf(Curve().of_unit)
