"""Reading and printing numbers with units."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.units import between, humane, money, parse, seconds, significant


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("3.35 TB/s", "bytes/s", 3.35e12),
        ("80 GiB", "bytes", 80 * 2**30),
        ("989.4 TFLOP/s", "flop/s", 989.4e12),
        ("45 TOPS", "flop/s", 45e12),
        ("20 us", "seconds", 20e-6),
        ("2 min", "seconds", 120.0),
        ("0.7 pJ/FLOP", "joules/flop", 0.7e-12),
        ("90 %", "fraction", 0.9),
        ("2.49 USD/h", "usd/hour", 2.49),
        ("8 k", "count", 8000.0),
        (1.5, "watts", 1.5),
    ],
)
def test_parse_reads_si(text, dimension, value):
    assert parse(text, dimension) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("3.35 TFLOP/s", "bytes/s"),
        ("80 GW", "bytes"),
        ("fast", "bytes/s"),
        (float("nan"), "watts"),
        (float("inf"), "watts"),
        (True, "watts"),
        ([700], "watts"),
        ({"watt": 700}, "watts"),
    ],
)
def test_parse_refuses_what_is_no_such_quantity(text, dimension):
    with pytest.raises(
        ValueError, match=r"unknown unit|cannot read|finite|yes/no|with a unit, found"
    ):
        parse(text, dimension)


@given(st.floats(min_value=1e-11, max_value=1e17))
def test_humane_keeps_three_digits(value):
    number, _, unit = humane(value, "B").partition(" ")
    prefixes = {"p": 1e-12, "n": 1e-9, "µ": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9}
    prefixes |= {"T": 1e12, "P": 1e15, "E": 1e18}
    shown = float(number.replace(",", "")) * prefixes[unit.removesuffix("B")]
    assert shown == pytest.approx(value, rel=6e-3)


def test_humane_reads_like_a_data_sheet():
    assert humane(3.35e12, "B/s") == "3.35 TB/s"
    assert humane(0.004833, "s") == "4.83 ms"
    assert humane(999.96, "W") == "1 kW"
    assert humane(None) == "–"
    assert humane(math.inf) == "∞"
    assert significant(1834.4) == "1,834"
    assert significant(27.04) == "27"


def test_a_range_writes_its_unit_once_where_both_share_it():
    assert between(seconds(0.0312), seconds(0.0403)) == "31.2–40.3 ms"
    assert between(seconds(0.8), seconds(1.2)) == "800 ms – 1.2 s"
    assert between(money(0.07), money(0.38)) == "$0.07–$0.38"
