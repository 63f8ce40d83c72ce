"""What README and documentation say of accuracy is one result, and nobody typed it."""

import json
import re
from pathlib import Path

import pytest
from nonempty import nonempty

from simulator.errors import InputError
from simulator.validation.accuracy import Entry
from simulator.validation.accuracy_page import (
    PAGES,
    RESULT,
    kept_result,
    sections,
    with_sections,
)

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_sections_are_those_of_the_result(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert "<!-- accuracy: end -->" in text
    assert with_sections(text, sections(kept_result(ROOT / RESULT))) == text


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_pages_hold_no_other_table_of_errors(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    typed = re.sub(r"<!-- accuracy: \w+ -->.*?<!-- accuracy: end -->", "", text, flags=re.DOTALL)
    assert not [line for line in typed.splitlines() if line.startswith("|") and "%" in line]


def test_every_table_stands_on_some_page():
    told = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    for name in nonempty(sections(kept_result(ROOT / RESULT))):
        assert f"<!-- accuracy: {name} -->" in told


def test_a_list_and_a_table_of_two_sides():
    entries = [
        Entry("one", "decode", "", 7, 0.123, 0.05, 0.81),
        Entry("two", "decode", "h100-sxm", 7, 0.123, 0.05, None),
        Entry("two", "prefill", "h200-sxm", 7, 0.2, 0.05, None),
    ]
    made = sections(entries)
    assert made["one"].splitlines()[2] == "| decode | 7 | 12 % | 5 % | 81 % |"
    assert made["two"].splitlines()[0] == "| | h100-sxm | h200-sxm |"
    assert made["two"].splitlines()[3] == "| prefill | – | 20 % |"
    page = "before\n<!-- accuracy: one -->\nold\n<!-- accuracy: end -->\nafter\n"
    assert with_sections(page, made) == page.replace("old", made["one"])
    assert json.loads(json.dumps(made)) == made


def test_rows_asked_twice_have_both_errors_side_by_side():
    twice = {"alone_mean": 0.2, "alone_median": 0.15, "alone_inside": 0.7}
    entries = [
        Entry("one", "TPOT", "", 7, 0.1, 0.05, 0.8, **twice),
        Entry("one", "decode", "", 9, 0.02, 0.01, None),
        Entry("two", "glm-5", "TPOT", 7, 0.1, 0.05, 0.8, **twice),
    ]
    made = sections(entries)
    head, _, asked_twice, once = made["one"].splitlines()
    assert asked_twice == "| TPOT | 7 | 10 % | 5 % | 80 % | 20 %, 15 % | 70 % |"
    assert once == "| decode | 9 | 2 % | 1 % | – | – | – |"
    assert head.count("|") == asked_twice.count("|") == once.count("|")
    assert made["two"].splitlines()[0] == "| | TPOT | TPOT, flags alone |"
    assert made["two"].splitlines()[2] == "| glm-5 | 10 % | 20 % |"


def test_a_section_that_no_table_fills_is_refused():
    with pytest.raises(InputError, match="no table is called 'onne'"):
        with_sections("<!-- accuracy: onne -->\n<!-- accuracy: end -->", {"one": ""})
