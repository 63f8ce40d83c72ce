"""Whether a reader can find what a number is from; and that the rest of the numbers is read."""

import ast
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from nonempty import nonempty
from pydantic import BaseModel
from specs.toy_device import device, fields

import simulator
from simulator.specs.catalogue import hardware
from simulator.specs.consistency import check
from simulator.specs.hardware import FOR_READERS, Hardware
from simulator.specs.provenance import check_provenance, slower_than_base
from simulator.specs.quantity import Quantity
from simulator.specs.schema import models_in

SHEET = "Toys data sheet, table 2 (2025), https://toys.example/sheet.pdf"


def of_source(citation: str, **changes: object) -> list[str]:
    changed = device(**changes).model_copy(update={"sources": {"sheet": citation}})
    return [finding.problem for finding in check_provenance(changed)]


def test_a_citation_that_leads_to_the_document_is_enough():
    assert of_source(SHEET) == []
    assert of_source("toys/specs@1a2b3c4 chips/toy.json") == []


@pytest.mark.parametrize(
    ("citation", "lacking"),
    [
        ("Toys data sheet, table 2 (2025)", "no address"),
        ("Toys data sheet, table 2, https://toys.example/sheet.pdf", "no edition"),
        ("Toys data sheet (2025), https://toys.example/sheet.pdf", "no page or table"),
        ("Toys data sheet", "no address and no edition and no page or table"),
    ],
)
def test_a_number_of_the_vendor_names_a_document_that_can_be_found(citation, lacking):
    problems = of_source(citation)
    assert problems
    assert all(lacking in problem for problem in problems)


def test_collections_of_figures_are_not_of_high_confidence():
    collected = "https://www.techpowerup.com/gpu-specs/toy.c1 (2025)"
    leaf = {"value": 3, "source": "sheet", "kind": "third-party", "as_of": "2025"}
    high = of_source(collected, engines__gpu__units=leaf | {"confidence": "high"})
    assert sum("collects others" in problem for problem in high) > 0
    medium = of_source(collected, engines__gpu__units=leaf | {"confidence": "medium"})
    assert len(medium) == len(high) - 1


def test_an_assumption_that_nothing_reads_is_told():
    guess = {"value": "1 GHz", "low": "1 GHz", "high": "2 GHz", "source": "sheet",
             "kind": "assumed", "confidence": "low"}  # fmt: skip
    found = check_provenance(device(engines__gpu__clock=guess))
    assert "engines.gpu.clock" in fields(found)


def test_a_newer_sibling_is_no_slower_unless_it_says_why():
    base = device().model_copy(update={"released": "2024"})
    slower = device(memory__main__bandwidth="2 TB/s").model_copy(update={"released": "2025"})
    assert "bandwidth 67%" in slower_than_base(slower, base)[0].problem
    assert slower_than_base(base, slower) == []
    assert slower_than_base(slower.model_copy(update={"notes": "a cheaper one"}), base) == []


@pytest.mark.parametrize(("capacity", "told"), [("80 GB", True), ("80 GiB", False)])
def test_dram_is_counted_as_the_device_reports_it(capacity, told):
    found = fields(check(device(memory__main__capacity=capacity)))
    assert ("memory.main.capacity" in found) == told


# Every number is read by a prediction, or listed as being there for readers.


def paths(model: type[BaseModel], path: str = "") -> list[str]:
    """Paths of all numbers that a hardware file can have, ``*`` for names of one's own."""
    found = []
    for name, field in model.model_fields.items():
        below = f"{path}.{name}".lstrip(".")
        inner = [kind for kind in models_in(field.annotation) if kind is not Quantity]
        star = ".*" if "dict[" in str(field.annotation) else ""
        if any(kind is Quantity for kind in models_in(field.annotation)):
            found.append(below + star)
        for kind in inner:
            if kind.__name__ != "Calibration":
                found += paths(kind, below + star)
    return found


def attributes_read() -> set[str]:
    """Names of attributes that the package reads, its schema and its checks left out."""
    root = Path(simulator.__file__).parent
    left_out = {root / "specs" / name for name in ("hardware.py", "consistency.py")}
    names: set[str] = set()
    for file in root.rglob("*.py"):
        if file not in left_out and "validation" not in file.parts:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute):
                    names.add(node.attr)
    return names


def test_every_number_is_read_or_there_for_readers():
    read = attributes_read()
    known = paths(Hardware)
    assert len(known) > 30
    for path in known:
        if not any(fnmatchcase(path, each) for each in FOR_READERS):
            assert path.removesuffix(".*").rpartition(".")[2] in read, path


def test_what_is_there_for_readers_exists():
    known = paths(Hardware)
    for each in nonempty(FOR_READERS):
        assert any(fnmatchcase(path, each) for path in known), each


def test_a_known_idle_power_counts():
    assert hardware("gaudi-2").power.idle is not None
