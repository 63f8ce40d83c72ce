"""Every dollar is in one line, and the lines sum to what is paid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.economics.breakdown import Paid, breakdown
from simulator.economics.cost import device_price, usd_per_second
from simulator.simulate.predict import predict
from simulator.simulate.run import simulate
from simulator.specs import catalogue
from simulator.specs.economics import Economics
from simulator.specs.question import read_scenario

BASES = [
    {"basis": "owned"},
    {"basis": "owned", "utilisation": 0.3, "pue": 1.0},
    {},
    {"term": "reserved-3y", "utilisation": 0.5},
    {"usd_per_device_hour": 2.65},
]


@given(
    st.sampled_from(["h100-sxm", "b200", "rtx-4090", "apple-m4-pro"]), st.sampled_from(BASES),
    st.integers(1, 500), st.floats(0, 1e6), st.floats(0, 1),
)  # fmt: skip
def test_lines_sum_to_what_is_paid(name, fields, devices, power_w, busy):
    price = device_price(catalogue.hardware(name), Economics.model_validate(fields))
    if price is None:
        return
    paid = usd_per_second(price.usd_per_hour, price.energy.usd_per_kwh, devices, power_w)
    lines = breakdown([Paid(price, devices, power_w, busy)])
    assert sum(line.usd_per_s for line in lines) == pytest.approx(paid, rel=1e-9)
    assert all(line.usd_per_s >= 0 and line.formula and line.source for line in lines)


@pytest.mark.parametrize("fields", BASES)
def test_lines_of_an_answer_sum_to_its_price_of_a_token(fields):
    asked = {f"economics.{key}": value for key, value in fields.items()}
    found = predict("h100-sxm", "llama-3.1-8b", tp=2, phase="serve", isl=500, osl=50, rate=4,
                    requests=80, **asked)  # fmt: skip
    tokens_per_s = found.total_tokens_per_s
    per_million = 1e6 * sum(line.usd_per_s for line in found.breakdown) / tokens_per_s
    assert per_million == pytest.approx(found.usd_per_million_tokens, rel=1e-9)
    carried = [found.usd_per_request * found.requests_per_s * 1e6 / tokens_per_s]
    assert carried == pytest.approx([found.usd_per_million_tokens], rel=1e-9)


def test_lines_of_pools_are_told_apart():
    found = simulate(read_scenario(catalogue.scenario_path("pools"), {"requests": 60}))
    usd = sum(line.usd_per_s for line in found.breakdown)
    assert 1e6 * usd / found.total_tokens_per_s == pytest.approx(
        found.usd_per_million_tokens, rel=1e-9
    )
    assert {line.name.split(":")[0] for line in found.breakdown} == {"prefill pool", "decode pool"}


def test_a_rent_says_what_is_in_it():
    (rent, _) = predict("h100-sxm", "llama-3.1-8b").breakdown
    assert rent.name == "rent with host, network, power"


def test_what_is_paid_while_nothing_computes_stands_apart():
    price = device_price(catalogue.hardware("h100-sxm"), Economics(usd_per_device_hour=3.6))
    lines = {line.name: line.usd_per_s for line in breakdown([Paid(price, 2, 500.0, 0.25)])}
    assert lines["time without computing"] == pytest.approx(2 * 0.75 / 1000)
