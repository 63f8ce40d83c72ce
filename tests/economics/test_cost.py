"""Dollars: which offers count, what they come to, and how cost is shared."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.economics.basis import basis_of, on_term, others
from simulator.economics.cost import device_price, nearest_price, token_cost, usd_per_second
from simulator.economics.rules import RULES, Shares, Work
from simulator.errors import InputError
from simulator.simulate.predict import predict
from simulator.specs import catalogue
from simulator.specs.economics import Economics
from simulator.specs.prices import Prices
from simulator.specs.reading import validate

TOKENS = st.floats(min_value=1, max_value=1e12)


def priced(*offers: dict[str, object], name: str = "h100-sxm"):
    """A device with these offers alone."""
    usual = {"device": name, "term": "on-demand", "as_of": "2026-10-01", "source": "bill"}
    rows = [{**usual, "provider": f"P{i}", **offer} for i, offer in enumerate(offers)]
    prices = Prices.model_validate({"offers": rows})
    return catalogue.hardware(name).model_copy(update={"prices": prices})


def rents(*usd: float) -> list[dict[str, object]]:
    return [{"usd_per_hour": each} for each in usd]


@given(
    st.floats(0, 1e9), st.tuples(TOKENS, TOKENS, TOKENS), st.sampled_from(sorted(RULES)),
    st.tuples(st.floats(0, 1), st.floats(0, 1)), st.floats(0, 1), st.floats(0, 50),
)  # fmt: skip
def test_dollars_are_conserved_by_every_rule(usd, tokens, rule, time, held, weight):
    uncached, cached, output = tokens
    prompts, loads = min(time), 1 - max(time)
    work = Work(prompts, prompts, loads, held, uncached, cached, output)
    weights = {"output_weight": weight, "cached_weight": 0.1} if rule == "blended" else {}
    shares = RULES[rule](work, Economics(rule=rule, **weights))
    cost = token_cost(usd, work, shares)
    paid = (
        cost.usd_per_million_input_tokens * uncached
        + cost.usd_per_million_cached_input_tokens * cached
        + cost.usd_per_million_output_tokens * output
    )
    assert paid / 1e6 == pytest.approx(usd, rel=1e-9, abs=1e-9)
    assert cost.usd_per_million_tokens * sum(tokens) / 1e6 == pytest.approx(usd, rel=1e-9, abs=1e-9)


def test_blended_tokens_cost_as_their_weights_say():
    work = Work(prompts=0.3, added=0.2, uncached=2e6, cached=1e6, output=1e6)
    weighted = Economics(rule="blended", output_weight=4, cached_weight=0.5)
    cost = token_cost(13.0, work, RULES["blended"](work, weighted))
    assert cost.usd_per_million_input_tokens == pytest.approx(2.0)
    assert cost.usd_per_million_cached_input_tokens == pytest.approx(1.0)
    assert cost.usd_per_million_output_tokens == pytest.approx(8.0)
    plain = token_cost(13.0, work, RULES["blended"](work, Economics(rule="blended")))
    assert plain.usd_per_million_output_tokens == pytest.approx(plain.usd_per_million_tokens)


def test_cached_tokens_pay_for_the_memory_that_held_them_and_for_waits():
    free = Work(prompts=0.4, added=0.3, uncached=1.0, cached=1.0, output=1.0)
    assert RULES["time"](free, Economics()).cached == 0.0
    held = RULES["time"](replace(free, held=0.1), Economics())
    assert (held.cached, held.uncached) == pytest.approx((0.1, 0.9 * 0.4))
    waiting = RULES["marginal"](replace(free, loads=0.2), Economics())
    assert (waiting.cached, waiting.uncached, waiting.output) == pytest.approx((0.2, 0.3, 0.5))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"rule": "tim"}, "did you mean time"),
        ({"rule": "time", "output_weight": 4}, "has no effect"),
        ({"output_weight": -1, "rule": "blended"}, "greater than or equal to 0|at least 0|zero"),
        ({"success_rate": 0}, "greater than 0|more than"),
        ({"success_rate": 1.2}, "less than or equal to 1|at most"),
        ({"usd_per_kwh": -0.1}, "zero or more"),
        ({"basis": "leased"}, "rental"),
    ],
)
def test_what_nobody_can_pay_by_is_refused_in_one_message(wrong, told):
    with pytest.raises(InputError, match=told):
        predict("h100-sxm", "llama-3.1-8b", **{f"economics.{k}": v for k, v in wrong.items()})


def test_the_worked_example_is_exact():
    """$2.65 an hour at 6,000 tokens a second are $0.123 a million tokens."""
    work = Work(prompts=0.0, added=0.0, output=6000.0)
    usd = usd_per_second(2.65, 0.0, 1, 700.0)
    cost = token_cost(usd, work, Shares(0.0, 0.0, 1.0))
    assert cost.usd_per_million_output_tokens == pytest.approx(2.65 / 3600 / 6000 * 1e6, rel=1e-12)
    assert f"{cost.usd_per_million_output_tokens:.3f}" == "0.123"


def test_a_price_of_ones_own_counts_for_every_device():
    for name in ("h100-sxm", "maia-200"):
        price = device_price(catalogue.hardware(name), Economics(usd_per_device_hour=2.0))
        assert (price.usd_per_hour, price.low, price.high) == (2.0, 2.0, 2.0)
        assert usd_per_second(price.usd_per_hour, price.energy.usd_per_kwh, 8, 1e6) == 16 / 3600


def test_every_provider_counts_once_at_the_median_of_its_offers():
    many = [{"provider": "A", "region": f"r{i}", "usd_per_hour": 9} for i in range(7)]
    price = device_price(priced(*many, *rents(1, 2)), Economics())
    assert price.usd_per_hour == 2.0
    assert len(price.offers) == 9


def test_the_newest_of_a_providers_offers_replaces_the_others():
    old = {"provider": "A", "usd_per_hour": 9, "as_of": "2025-01-01"}
    new = {"provider": "A", "usd_per_hour": 3}
    for rows in ((old, new), (new, old)):
        assert device_price(priced(*rows), Economics()).usd_per_hour == 3.0


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=12), st.floats(0, 100))
def test_a_percentile_lies_among_the_providers_and_in_its_interval(usd, percentile):
    price = device_price(priced(*rents(*usd)), Economics(percentile=percentile))
    assert min(usd) <= price.usd_per_hour * (1 + 1e-12)
    assert price.usd_per_hour <= max(usd) * (1 + 1e-12)
    assert price.low <= price.usd_per_hour <= price.high


def test_the_interval_is_that_of_four_in_five_providers():
    price = device_price(priced(*rents(1, *[2] * 9, 50)), Economics())
    assert (price.low, price.usd_per_hour, price.high) == (2.0, 2.0, 2.0)


def test_an_estimate_counts_only_where_nobody_sells():
    guess = {"usd_per_hour": 1, "estimate": True}
    assert device_price(priced(*rents(5), guess), Economics()).usd_per_hour == 5.0
    alone = device_price(priced(guess), Economics())
    assert (alone.usd_per_hour, alone.mark) == (1.0, "an estimate, no offer")


def test_one_provider_is_marked_and_told_with_date_region_and_number():
    row = {"provider": "A", "region": "mars", "usd_per_hour": 8, "devices": 4}
    price = device_price(priced(row), Economics())
    assert (price.usd_per_hour, price.mark) == (2.0, "one provider")
    for word in ("on-demand", "1 offer ", "by A", "mars", "2026-10-01", "(one provider)"):
        assert word in price.origin


def test_no_basis_stands_in_for_another():
    """A purchase is no rent, and a spot price is no price on demand."""
    spot = priced({"term": "spot", "usd_per_hour": 1})
    assert device_price(spot, Economics()) is None
    assert device_price(spot, Economics(basis="owned")) is None
    assert device_price(spot, Economics(term="spot")).usd_per_hour == 1.0
    near = nearest_price(spot, Economics())
    assert near.basis.term == "spot"


def test_the_nearest_basis_commits_to_about_as_much():
    order = [basis_of(each).term or "owned" for each in others(Economics(term="reserved-3y"))]
    assert order[0] in ("reserved-1y", "owned")
    assert order[-1] == "spot"
    assert len(order) == len(set(order)) == 7
    assert basis_of(on_term(Economics(term="spot"), "purchase")).kind == "owned"


def test_committed_rent_costs_more_an_hour_where_it_is_used_in_part():
    row = priced({"term": "reserved-3y", "usd_per_hour": 3})
    half = device_price(row, Economics(term="reserved-3y", utilisation=0.5))
    assert half.usd_per_hour == 6.0
    assert sum(line.usd_per_hour for line in half.lines) == 6.0
    assert device_price(priced(*rents(3)), Economics(utilisation=0.5)).usd_per_hour == 3.0


def test_costs_of_owning_that_rent_has_in_it_are_told():
    given = {"economics.usd_per_kwh": 0.2, "economics.pue": 1.2}
    answer = predict("h100-sxm", "llama-3.1-8b", **given)
    (told,) = [note for note in answer.notes if "without effect" in note]
    # Whoever pays for it, cooling takes its power.
    assert told.endswith(": economics.usd_per_kwh")
    owned = predict("h100-sxm", "llama-3.1-8b", **given, basis="owned")
    assert not any("without effect" in note for note in owned.notes)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"provider": "Lamda"}, "Lambda"),
        ({"basis": "owned", "term": "spot"}, "leave out term"),
        ({"usd_per_device_hour": 2, "term": "spot"}, "keep one of the two"),
        ({"usd_per_device_hour": -1}, "usd_per_device_hour"),
        ({"term": "resrved-3y"}, "reserved-3y"),
        ({"basis": "rented"}, "rental"),
        ({"prices": "nowhere.csv"}, "no such file"),
        ({"utilisation": 0}, "utilisation"),
    ],
)
def test_what_cannot_be_is_told_with_its_remedy(fields, says):
    with pytest.raises(InputError, match=says):
        device_price(catalogue.hardware("h100-sxm"), validate(Economics, fields, None))


def test_dearer_percentiles_cost_no_less():
    chip = catalogue.hardware("h100-sxm")
    usd = [device_price(chip, Economics(percentile=p)).usd_per_hour for p in range(0, 101, 10)]
    assert all(first <= second for first, second in pairwise(usd))
    assert usd[0] < usd[-1]
