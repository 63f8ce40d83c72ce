"""What an hour of an owned device costs, against sums by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nonempty import nonempty

from simulator.economics.cost import device_price
from simulator.economics.owned import HOURS_PER_YEAR, annuity
from simulator.economics.price import summed
from simulator.specs import catalogue
from simulator.specs.economics import Economics
from simulator.specs.ownership import Ownership, ownership, setting_of

PLAIN = {
    "basis": "owned", "cost_of_capital": 0, "residual_value": 0, "utilisation": 1,
    "server_usd": 0, "network_usd": 0, "rack_usd_per_kw_month": 0, "staff_usd_per_year": 0,
    "server_watts": 0, "amortisation_years": 4, "pue": 1.5, "usd_per_kwh": 0.10,
    "host_watts": 0, "network_watts": 0, "psu_efficiency": 1,
}  # fmt: skip


def owned(name: str = "h100-sxm", **fields: object):
    return device_price(catalogue.hardware(name), Economics.model_validate(PLAIN | fields))


def test_a_bare_purchase_is_spread_over_its_hours():
    assert owned().usd_per_hour == pytest.approx(30_000 / 4 / HOURS_PER_YEAR)
    assert owned().energy.usd_per_kwh == pytest.approx(0.15)


def test_each_part_adds_what_it_costs():
    bare = owned().usd_per_hour
    parts = {
        "server_usd": (8000.0, 8000 / 4 / HOURS_PER_YEAR),
        "network_usd": (4000.0, 4000 / 4 / HOURS_PER_YEAR),
        "rack_usd_per_kw_month": (200.0, 0.7 * 200 * 12 / HOURS_PER_YEAR),
        "staff_usd_per_year": (876.6, 0.1),
        "server_watts": (500.0, 0.0),
        "host_watts": (500.0, 0.5 * 0.10 * 1.5),
        "network_watts": (100.0, 0.1 * 0.10 * 1.5),
        "utilisation": (0.5, bare),
        "residual_value": (0.25, -0.25 * bare),
    }
    for name, (value, more) in parts.items():
        assert owned(**{name: value}).usd_per_hour - bare == pytest.approx(more), name


@given(st.floats(0, 0.5, allow_subnormal=False), st.floats(0.5, 20), st.floats(0, 1))
def test_an_annuity_pays_back_money_interest_and_what_is_left(interest, years, residual):
    """Payments and the value at the end, discounted, are worth what was paid."""
    yearly = annuity(interest, years, residual)
    if interest < 1e-6:
        assert yearly * years + residual == pytest.approx(1.0, abs=1e-4)
        return
    left = (1 + interest) ** -years
    assert yearly * (1 - left) / interest + residual * left == pytest.approx(1.0, rel=1e-6)


@given(
    st.fixed_dictionaries(
        {
            "cost_of_capital": st.floats(1e-6, 0.3),
            "residual_value": st.floats(1e-6, 0.9),
            "utilisation": st.floats(0.05, 1),
            "server_usd": st.floats(1, 1e5),
            "server_watts": st.floats(1, 2000),
            "amortisation_years": st.floats(1, 10),
        }
    )
)
def test_the_lines_are_the_price(fields):
    price = owned(**fields)
    assert price.usd_per_hour == pytest.approx(summed(price.lines), rel=1e-12)
    assert price.low <= price.usd_per_hour <= price.high


def test_every_default_has_a_source_and_an_interval():
    for name in ("h100-sxm", "apple-m4-max"):
        known = ownership(catalogue.hardware(name), Economics())
        for field in nonempty(Ownership.model_fields):
            leaf = getattr(known, field)
            assert leaf.low < leaf.high or (leaf.low, leaf.value) == (0, 0), (name, field)
            assert len(leaf.source) > 40, (name, field)
            assert leaf.kind is not None


def test_a_chip_of_a_desk_needs_no_rack():
    assert setting_of(catalogue.hardware("rtx-4090")) == "desk"
    assert setting_of(catalogue.hardware("tpu-v6e")) == "data-centre"
    assert setting_of(catalogue.hardware("xeon-6980p")) == "data-centre"
    price = device_price(catalogue.hardware("apple-m4-max"), Economics(basis="owned"))
    lines = {line.name: line.usd_per_hour for line in price.lines}
    assert lines["rack and space"] == lines["staff"] == lines["host"] == 0


def test_what_surrounds_a_device_is_of_its_size():
    def of(name: str, **economics: object) -> Ownership:
        return ownership(catalogue.hardware(name), Economics.model_validate(economics))

    big, middle, small = of("b200"), of("h100-sxm"), of("a40")
    assert big.server_usd == middle.server_usd
    assert big.server_watts.value / middle.server_watts.value == pytest.approx(1000 / 700)
    assert small.server_usd.value / middle.server_usd.value == pytest.approx(300 / 700)
    assert small.pue == middle.pue
    for name in ("tpu-v6e", "h100-sxm"):
        link = catalogue.hardware(name).links.scale_out
        share = of(name).network_usd.value / middle.network_usd.value
        assert share == pytest.approx(float(link.bandwidth) / 50e9)
    assert of("a40", server_usd=1234.0).server_usd.value == 1234.0


def test_defaults_widen_the_interval_and_own_numbers_narrow_it():
    wide = device_price(catalogue.hardware("h100-sxm"), Economics(basis="owned"))
    known = owned()
    assert wide.high / wide.low > 1.5
    assert (known.low, known.high) == (known.usd_per_hour, known.usd_per_hour)
