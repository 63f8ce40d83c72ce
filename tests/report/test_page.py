"""The page stands alone and says what the simulation found."""

import re
from html.parser import HTMLParser

import pytest
from nonempty import nonempty

from simulator.report import style
from simulator.report.chart import report_charts
from simulator.report.page import (
    comparison_charts,
    comparison_page,
    report_page,
)
from simulator.report.roof import Roof
from simulator.simulate.run import simulate
from simulator.specs.catalogue import scenario_path
from simulator.specs.question import read_scenario


@pytest.fixture(scope="module")
def page(result):
    return report_page(result, report_charts(result, Roof.named(result.hardware)))


class _Reader(HTMLParser):
    """Collects what a browser would fetch, the ids, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.unlabelled_svgs = 0

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "svg":
            self.unlabelled_svgs += not found.get("aria-label")
        for name, value in attrs:
            if name in ("src", "srcset", "data", "poster", "action") or (
                name in ("href", "xlink:href") and tag != "a"
            ):
                self.fetched.append(value)

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    reader = _Reader()
    reader.feed(page)
    return reader


def test_nothing_is_fetched(page):
    reader = read(page)
    assert [f for f in reader.fetched if not f.startswith(("#", "data:"))] == []
    assert "@import" not in page
    assert re.findall(r"url\((?!#)", page) == []
    assert not {"script", "iframe", "object", "embed", "img"} & set(reader.tags)


def test_ids_are_unique_and_references_resolve(page):
    ids = read(page).ids
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([^")]+)', page)) <= set(ids)


def test_headline_notes_and_sources_are_there(result, page):
    text = " ".join(read(page).text)
    assert result.title in text
    for note in result.notes:
        assert note in text
    assert result.sources[0] in text
    assert "80 %" in text
    assert result.price_origin in text
    assert result.price_basis in text
    for cost in result.elsewhere:
        assert cost.basis in text


def test_charts_are_described_for_those_who_cannot_see_them(page):
    assert read(page).unlabelled_svgs == 0


def test_charts_follow_the_colours_of_the_page(page):
    assert "prefers-color-scheme: dark" in page
    ink = style.INK[1:]
    assert f"var(--c-{ink}" in page
    assert f"--c-{ink}: {style.DARK[style.INK]};" in page


def test_a_result_without_a_price_tells_the_nearest_basis(results):
    result = results[2]
    assert result.usd_per_device_hour is None
    page = report_page(result, report_charts(result, None))
    assert "no offer" in page
    assert "Nearest basis" in page


def test_every_dollar_stands_in_the_page():
    fields = {"workload.requests": 20, "economics.basis": "owned"}
    owned = simulate(read_scenario(scenario_path("quickstart"), fields))
    text = " ".join(read(report_page(owned, report_charts(owned, None))).text)
    for line in nonempty([line for line in owned.breakdown if line.usd_per_s]):
        assert line.name in text
        assert line.formula in text


def test_text_of_a_scenario_is_escaped(result):
    from dataclasses import replace

    sly = replace(result, title="<script>alert(1)</script>", notes=("a & b <i>",))
    page = report_page(sly, report_charts(sly, None))
    assert "<script>" not in page
    assert "a &amp; b &lt;i&gt;" in page


def test_a_comparison_page_names_every_system(results):
    page = comparison_page(results, comparison_charts(results))
    text = " ".join(read(page).text)
    assert all(r.hardware_title in text for r in results)
    assert [f for f in read(page).fetched if not f.startswith(("#", "data:"))] == []
