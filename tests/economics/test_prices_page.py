"""The page on prices says what the code does."""

import re
from pathlib import Path

import pytest

from simulator.economics.cost import device_price
from simulator.specs import catalogue
from simulator.specs.economics import Economics
from simulator.specs.ownership import Ownership, ownership
from simulator.specs.price_book import read_book
from simulator.specs.prices import Offer, Term
from simulator.units import parse

PAGE = (Path(__file__).parents[2] / "docs" / "prices.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("field", list(Ownership.model_fields))
def test_the_table_of_defaults_is_that_of_the_code(field):
    (told,) = [(default, between) for name, default, between in ROWS if name == field]
    leaf = getattr(ownership(catalogue.hardware("h100-sxm"), Economics()), field)

    def number(text: str) -> float:
        return parse(text.strip().replace(",", ""), "fraction")

    low, high = told[1].split("–")
    share = "%" if "%" in told[1] and "%" not in low else ""
    stated = (number(told[0]), number(low.strip() + share), number(high))
    assert stated == pytest.approx((leaf.value, leaf.low, leaf.high))


def test_the_book_of_ones_own_is_one(tmp_path):
    (text,) = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    book = tmp_path / "ours.csv"
    book.write_text(text, encoding="utf-8")
    assert [offer.price.value for offer in read_book(book).offers] == pytest.approx([2.1, 3.8])


def test_an_owned_hour_by_the_formula_of_the_page():
    chip = catalogue.hardware("h100-sxm")
    price = device_price(chip, Economics(basis="owned"))
    known = {n: getattr(ownership(chip, Economics()), n).value for n in Ownership.model_fields}
    k = 30_000 + known["server_usd"] + known["network_usd"]
    r, n, left = (known[x] for x in ("cost_of_capital", "amortisation_years", "residual_value"))
    a = r * k + (1 - left) * k * r / ((1 + r) ** n - 1)
    watts = (700 + known["server_watts"]) / 1000
    paid = a + known["rack_usd_per_kw_month"] * watts * 12 + known["staff_usd_per_year"]
    around = known["host_watts"] / known["psu_efficiency"] + known["network_watts"]
    power = around / 1000 * known["pue"] * known["usd_per_kwh"]
    assert price.usd_per_hour == pytest.approx(paid / 8766 / known["utilisation"] + power)


def test_every_term_is_told():
    for term in Term.__args__:
        assert f"`{term}`" in PAGE
    assert set(re.findall(r"`(includes|estimate|same_as|not_sold)", PAGE)) >= {"includes"}
    assert "estimate" in Offer.model_fields
