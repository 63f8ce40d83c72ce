"""What ``catalogue check`` says of prices."""

from datetime import date

import pytest

from simulator.planning.browse import check_catalogue
from simulator.specs import catalogue
from simulator.specs.folders import data_folder, names
from simulator.specs.hardware import Hardware
from simulator.specs.price_rules import check_prices
from simulator.specs.prices import Prices

TODAY = date(2027, 2, 1)


def chip(*offers: dict[str, object], name: str = "h100-sxm") -> Hardware:
    usual = {
        "device": name, "provider": "A", "term": "on-demand", "as_of": "2027-01-05",
        "source": "bill",
    }  # fmt: skip
    rows = [
        {"usd_per_hour": 2, **usual, **offer} if "usd" not in offer else {**usual, **offer}
        for offer in offers
    ]
    prices = Prices.model_validate({"offers": rows})
    return catalogue.hardware(name).model_copy(update={"prices": prices})


def told(*devices: Hardware) -> dict[str, str]:
    return {f.field: f.problem for f in check_prices(devices, TODAY)}


@pytest.mark.parametrize(
    ("as_of", "says"),
    [
        ("2027-01-31", None),
        ("2026-02-03", None),
        ("2026-01-30", "older than a year"),
        ("2026-03", "no day"),
        ("2027", "no day"),
        ("2026", "older than a year"),  # it may be of the first of January
    ],
)
def test_a_price_without_a_day_counts_as_its_earliest(as_of, says):
    two = chip({"as_of": as_of}, {"provider": "B"})
    found = " ".join(told(two).values())
    assert (says in found) if says else not found


def test_a_median_of_one_provider_is_told_unless_it_is_the_makers_own():
    assert "on-demand: h100-sxm" in told(chip({}))["provider"]
    assert told(chip({}, {"provider": "B"})) == {}
    assert told(chip({"term": "purchase", "usd": 3})) == {}
    assert told(chip({"provider": "Google Cloud"}, name="tpu-v6e")) == {}


def test_offers_that_include_different_things_are_told():
    bare = {"term": "purchase", "usd": 3, "provider": "A"}
    server = {**bare, "provider": "B", "includes": ["host"]}
    assert "purchase of h100-sxm" in told(chip(bare, server))["includes"]
    guess = {"provider": "B", "estimate": True}
    assert "on-demand of h100-sxm" in told(chip({}, guess))["includes"]


def test_the_catalogue_mixes_no_bases_and_prices_almost_every_device():
    devices = list(catalogue.all_hardware())
    fields = {f.field for f in check_prices(devices, date(2026, 11, 27))}
    assert "includes" not in fields
    known = [d for d in devices if d.prices.offers or d.prices.not_sold]
    assert len(known) >= 80
    priced = [d for d in devices if d.prices.offers]
    assert len({o.provider for d in priced for o in d.prices.offers}) > 30


def test_every_file_of_prices_is_of_a_device():
    folder = data_folder("hardware_specs")
    assert set(names(folder / "prices")) <= set(names(folder))


def test_every_offer_has_a_citation():
    for device in catalogue.all_hardware():
        for offer in device.prices.offers:
            assert " " in offer.source or "/" in offer.source, (device.name, offer.source)
    assert not [f for f in check_catalogue(["h100-sxm"]) if "prices" in f.field]
