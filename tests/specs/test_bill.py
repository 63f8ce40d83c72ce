"""What a bill cannot be: one message with the field and a remedy that works."""

from pathlib import Path

import pytest

from simulator.errors import InputError
from simulator.specs import catalogue
from simulator.specs.question import (
    Change,
    ask_arithmetic,
    flags,
    from_settings,
    is_arithmetic,
    read_bill,
)
from simulator.specs.reading import read_mapping
from simulator.specs.scenario import Arithmetic

PRICE = {"kind": "price", "usd_per_million_tokens": 15}


def arithmetic(**bill: object) -> Arithmetic:
    content = {"traffic": {"tokens_per_month": "50 M"}, "server": PRICE} | bill
    return ask_arithmetic({"name": "x", "bill": content})


def tier(name: str = "one", share: object = 1, **fields: object) -> dict[str, object]:
    return {"name": name, "share": share, "server": PRICE} | fields


REFUSED = [
    ({"routing": {"tiers": [tier(share=0.5)]}}, "bill.routing", "sum to 0.5"),
    ({"routing": {"tiers": [tier("a", "60 %"), tier("b", "60 %")]}}, "bill.routing", "sum to 1.2"),
    ({"routing": {"tiers": [tier(escalates=0.1)]}}, "bill.routing", "last tier"),
    ({"routing": {"tiers": [tier(server=None)]}}, "bill.routing", "neither a system nor a price"),
    ({"routing": {"tiers": [tier(share=0.5), tier(share=0.5)]}}, "bill.routing", "two tiers"),
    ({"routing": {"tiers": []}}, "bill.routing.tiers", "at least 1"),
    ({"server": {**PRICE, "usd_per_million_tokens": -1}}, "usd_per_million_tokens", "zero or more"),
    ({"server": {"kind": "price"}}, "bill.server", "one for all tokens"),
    ({"server": {**PRICE, "usd_per_million_output_tokens": 1}}, "bill.server", "one for all"),
    ({"server": {"kind": "flat", "usd_per_month": -5}}, "usd_per_month", "zero or more"),
    ({"server": {"kind": "barter"}}, "bill.server.kind", "there is no kind"),
    ({"migration": {"to": PRICE, "begins": 13}}, "bill", "begins in month 13 of 12"),
    ({"price_changes": ["-200 %"]}, "bill.price_changes.0", "at least -0.99"),
    ({"traffic": {"tokens_per_month": 1e6, "requests_per_month": 5}}, "bill.traffic", "beside"),
    ({"traffic": {"tokens_per_month": 1e6, "growth": "-150 %"}}, "growth", "at least -0.99"),
    ({"traffic": {"tokens_per_month": 1e6, "headroom": 1}}, "headroom", "at most 0.95"),
    ({"traffic": {"tokens_per_month": 0}}, "tokens_per_month", "more than zero"),
    ({"sampling": {}}, "bill.sampling.small", "missing"),
]  # fmt: skip


@pytest.mark.parametrize(("bill", "field", "words"), REFUSED)
def test_it_is_refused_with_the_field_and_a_reason(bill, field, words):
    with pytest.raises(InputError) as refused:
        arithmetic(**bill)
    assert field in (refused.value.field or "")
    assert words in refused.value.problem


def test_the_smallest_ones_are_read():
    assert arithmetic().bill.traffic.months == 12
    assert arithmetic(routing={"tiers": [tier()]}).bill.routing is not None
    assert arithmetic(price_changes=["-20 %"]).bill.price_changes == [-0.2]


def test_a_file_without_a_system_is_arithmetic_and_only_that():
    assert is_arithmetic({"name": "x", "bill": {}})
    assert not is_arithmetic({"name": "x"})
    assert not is_arithmetic({"name": "x", "bill": {}, "model": "llama-3.1-8b"})
    with pytest.raises(InputError, match="hardware"):
        ask_arithmetic({"name": "x", "bill": {}}, [Change("hardware", "b200", "--hardware")])


def test_paths_and_flags_reach_it():
    content = read_mapping(catalogue.scenario_path("fifty-million"))
    changed = ask_arithmetic(content, from_settings(["bill.traffic.growth=5 %"]))
    assert changed.bill.traffic.growth == 0.05
    assert flags("bill")["peak_to_mean"].path == "bill.traffic.peak_to_mean"
    assert not flags("bill").keys() & flags().keys()


@pytest.mark.parametrize("path", catalogue.all_bills().values(), ids=catalogue.all_bills())
def test_the_shipped_ones_are_read_and_explained(path: Path):
    found = read_bill(path)
    assert path.read_text(encoding="utf-8").startswith("# ")
    assert found.name == path.stem
    assert found.title
    assert found.bill is not None


def test_no_bill_is_called_like_a_scenario():
    assert not catalogue.all_bills().keys() & catalogue.all_scenarios().keys()
