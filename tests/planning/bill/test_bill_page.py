"""The page on bills says what the code does."""

import doctest
import re
from pathlib import Path

import pytest
import yaml

from simulator.cli.question import Asked
from simulator.planning.bill.answer import bill
from simulator.specs import catalogue
from simulator.specs.bill import Server
from simulator.specs.question import ask, from_fields
from simulator.specs.schema import models_in

PAGE = Path(__file__).parents[3] / "docs" / "bill.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_what_it_derives_by_hand_is_what_comes_out():
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.attempted > 5
    assert not found.failed


def test_every_kind_of_server_is_told():
    kinds = {model.model_fields["kind"].annotation.__args__[0] for model in models_in(Server)}
    assert set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)) == {"kind", *kinds}


def test_the_bill_that_it_shows_is_one():
    (text,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    found = bill(
        ask(yaml.safe_load(text), from_fields({"requests": 60, "max_sequences": 16})), workers=1
    )
    assert len(found.months) == 12
    assert {row.name for row in found.compared} == {"API", "owned"}


@pytest.mark.parametrize("name", re.findall(r"roofsim bill ([a-z][\w-]+)", TEXT))
def test_the_bills_that_it_names_are_there(name):
    assert Asked(()).bill(name).bill is not None
    assert catalogue.all_bills()[name].is_file()
