"""Dollars: where a price comes from, and how it is shared between input and output."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.economics.cost import device_price, token_cost, usd_per_second
from simulator.errors import InputError
from simulator.specs import catalogue
from simulator.specs.scenario import Economics

TOKENS = st.floats(min_value=1, max_value=1e12)


@given(st.floats(0, 1e9), TOKENS, TOKENS, st.floats(0, 1))
def test_dollars_are_conserved(usd, inputs, outputs, share):
    cost = token_cost(usd, inputs, outputs, share)
    paid = cost.usd_per_million_input_tokens * inputs + cost.usd_per_million_output_tokens * outputs
    assert paid / 1e6 == pytest.approx(usd, rel=1e-9, abs=1e-9)
    both = cost.usd_per_million_tokens * (inputs + outputs) / 1e6
    assert both == pytest.approx(usd, rel=1e-9, abs=1e-9)


def test_the_scenarios_own_price_comes_first():
    price = device_price(catalogue.hardware("h100-sxm"), Economics(usd_per_device_hour=2.0))
    assert price is not None
    assert price.usd_per_hour == 2.0
    assert usd_per_second(price, 8, 1e6, Economics()) == pytest.approx(8 * 2 / 3600)


def test_offers_are_dated_and_the_median_is_taken():
    hardware = catalogue.hardware("h100-sxm")
    price = device_price(hardware, Economics())
    assert price is not None
    assert price.low <= price.usd_per_hour <= price.high
    assert "on-demand" in price.origin


def test_an_unknown_provider_is_told_what_exists():
    with pytest.raises(InputError, match="known offers"):
        device_price(catalogue.hardware("h100-sxm"), Economics(provider="Nobody"))


def test_a_bought_device_pays_for_its_energy():
    hardware = catalogue.hardware("h100-sxm")
    purchases = [o for o in hardware.prices.offers if o.term == "purchase"]
    prices = hardware.prices.model_copy(update={"offers": purchases})
    bought = hardware.model_copy(update={"prices": prices})
    price = device_price(bought, Economics())
    assert price is not None
    assert not price.includes_energy
    idle = usd_per_second(price, 1, 0.0, Economics())
    busy = usd_per_second(price, 1, 1000.0, Economics(pue=1.2, usd_per_kwh=0.1))
    assert busy - idle == pytest.approx(1000 * 1.2 / 3.6e6 * 0.1)
