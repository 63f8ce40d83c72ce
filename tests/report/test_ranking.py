"""Who is the cheapest: on one basis for all, and never against another without a word."""

from dataclasses import replace

import pytest

from simulator.report.price_words import other_bases, price_rows, verdict
from simulator.report.ranking import ranking
from simulator.simulate.pricing import BasisCost

OTHER = "rental reserved-3y, median"


def told(result, title, usd, elsewhere=None, mark=None):
    """A result that costs so much on its basis (None: no offer), and on another."""
    figures = {
        **result.figures,
        "usd_per_million_tokens": usd,
        "usd_per_device_hour": usd,
        "price_mark": mark,
        "price_basis": "rental on-demand, median",
    }
    found = () if elsewhere is None else (BasisCost(OTHER, OTHER, elsewhere, elsewhere, ""),)
    return replace(result, hardware_title=title, figures=figures, elsewhere=found)


def said(*results):
    return " | ".join(verdict(ranking(results)))


def test_the_cheapest_is_named_with_its_basis(result):
    a, b = told(result, "A", 2.0), told(result, "B", 1.0)
    assert ranking([a, b]).headline == (
        "B serves a token for the least money, rental on-demand, median"
    )
    assert (
        said(a, b) == "Cheapest at this load, rental on-demand, median: B at $1.00 a million tokens"
    )


def test_a_basis_that_overturns_the_headline_is_told(result):
    """MI355X against B200: 1.41 times or 0.61, by which offers count."""
    a, b = told(result, "A", 1.41, 0.61), told(result, "B", 1.0, 1.0)
    found = ranking([a, b])
    assert found.declared.cheapest == "B"
    assert [other.basis for other in found.overturning] == [OTHER]
    assert f"not so {OTHER} (A)" in found.headline
    assert f"overturns this: {OTHER}" in said(a, b)
    assert other_bases(found) == [(OTHER, "A at $0.61", "$1.00", "overturns it")]
    assert found.to_dict()["overturned_by"] == [OTHER]


def test_a_system_without_an_offer_never_ranks(result):
    """Gaudi 3 is not the cheapest because it alone is priced as a purchase."""
    a, b = told(result, "A", 2.0), told(result, "B", 1.5)
    gaudi = told(result, "Gaudi", None, 0.1)
    found = ranking([a, b, gaudi])
    assert list(found.declared.usd) == ["B", "A"]
    assert found.unpriced == ("Gaudi",)
    assert "of the 2 systems with a price" in found.headline
    assert "not ranked: Gaudi" in said(a, b, gaudi)
    row = price_rows([a, b, gaudi])[2]
    assert row.hour == "–"
    assert OTHER in row.remark
    assert "$0.1" in row.remark


def test_a_cheapest_that_another_basis_does_not_know_is_told(result):
    a, b = told(result, "A", 1.0), told(result, "B", 2.0, 0.5)
    c = told(result, "C", 3.0, 0.7)
    found = ranking([a, b, c])
    assert found.overturning == ()
    assert [other.basis for other in found.silent] == [OTHER]
    assert f"has no price {OTHER} (B)" in found.headline
    assert other_bases(found) == [(OTHER, "B at $0.5", "–", "has no price of it")]


@pytest.mark.parametrize("usd", [1.0, 1.019])
def test_a_tie_has_no_headline(result, usd):
    a, b = told(result, "A", 1.0), told(result, "B", usd)
    assert ranking([a, b]).headline == ""
    assert "A at $1.00 and B at" in said(a, b)
    assert "(a tie)" in said(a, b)


def test_another_basis_may_decide_a_tie(result):
    for elsewhere, says in ((0.5, "decides the tie"), (1.5, "names another")):
        a, b = told(result, "A", 1.0, elsewhere), told(result, "B", 1.0, 1.0)
        c = told(result, "C", 2.0, 0.8)
        (row,) = other_bases(ranking([a, b, c]))
        assert row[3] == says


def test_a_mark_stands_beside_the_name(result):
    a = told(result, "A", 1.0, mark="one provider")
    assert "A (one provider)" in ranking([a, told(result, "B", 2.0)]).headline
