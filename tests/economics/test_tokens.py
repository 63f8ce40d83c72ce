"""Prices of tokens: the newest row, the dearest hours, discounts, and what samples solve."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.economics.sampling import law_in_words, solved, usd_per_solved
from simulator.economics.tokens import Tokens, dearest_hours, newest, rates_of
from simulator.specs import catalogue
from simulator.specs.bill import GivenSuccess, Independent, PowerLaw
from simulator.specs.price_book import token_prices
from simulator.specs.token_prices import TokenPrice


def price(**fields: object) -> TokenPrice:
    known = {
        "provider": "Some", "model": "m", "as_of": "2026-10-01", "source": "s",
        "usd_per_million_input_tokens": 1.0, "usd_per_million_output_tokens": 4.0,
    }  # fmt: skip
    return TokenPrice.model_validate(known | fields)


def test_every_price_of_the_catalogue_has_a_source_and_a_date_and_names_what_is_known():
    rows = token_prices(None)
    assert len(rows) > 20
    assert {row.provider for row in rows} >= {"DeepSeek", "OpenAI", "Anthropic", "Fireworks"}
    for row in rows:
        assert "http" in row.source
        assert date(2025, 1, 1) < row.earliest
        assert row.usd_per_million_cached_input_tokens is None or (
            row.usd_per_million_cached_input_tokens <= row.usd_per_million_input_tokens
        )
        if row.serves is not None:
            assert catalogue.model(row.serves).name == row.serves


def test_the_price_list_of_a_known_day():
    rows = [
        r for r in token_prices(None) if r.serves == "deepseek-v3.2" and r.provider == "DeepSeek"
    ]
    assert [rates_of(row).usd(Tokens(1e6, 1e6, 1e6)) for row in rows] == [pytest.approx(0.728)]


def test_the_newest_counts_at_all_its_hours_and_the_dearest_of_those():
    old = price(as_of="2026-08-01", usd_per_million_input_tokens=9.0)
    peak, off = price(hours="peak", usd_per_million_output_tokens=8.0), price(hours="off-peak")
    assert newest([old, peak, off]) == newest([peak, off, old]) == [peak, off]
    assert dearest_hours([off, peak], Tokens(1.0, 0.0, 1.0)) == [peak]


def test_a_batch_costs_less_by_its_share_and_cached_tokens_as_any_where_nothing_is_said():
    discounted = rates_of(price(batch_discount="50 %"), batch_share=0.5)
    assert (discounted.uncached, discounted.cached, discounted.output) == (0.75, 0.75, 3.0)
    assert rates_of(price(), batch_share=1.0).output == 4.0
    assert rates_of(price(usd_per_million_cached_input_tokens=0.1)).cached == 0.1


@given(st.floats(0.001, 1.0), st.integers(1, 1000), st.integers(1, 1000))
def test_more_samples_never_solve_less(chance, one, other):
    few, many = sorted((one, other))
    independent = Independent(kind="independent", solved_by_one=chance)
    law = PowerLaw(kind="power-law", a=math.log(chance) or -1e-9, b=-0.3)
    for success in (independent, law):
        assert 0 < solved(success, few) <= solved(success, many) <= 1
        assert solved(success, 1) == pytest.approx(chance, rel=1e-6)
        assert law_in_words(success)


def test_a_solved_query_pays_for_those_that_are_not():
    assert solved(GivenSuccess(kind="given", solved=0.25), 7) == 0.25
    assert usd_per_solved(0.5, 0.25) == 2.0
