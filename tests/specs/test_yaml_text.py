"""YAML 1.2: scalars mean what its core schema says, and nothing is overwritten in silence."""

import json
from datetime import date
from math import inf, isnan

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from simulator.specs.yaml_text import DEEPEST, DuplicateKeyError, read_yaml

SCALARS = {
    "1": 1, "+3": 3, "-0": 0, "010": 10, "0x1F": 31, "0o17": 15, "1_000": "1_000", "0.5": 0.5,
    ".5": 0.5, "1.": 1.0, "1e5": 1e5, "1E5": 1e5, "1.5e-3": 1.5e-3, ".inf": inf, "-.inf": -inf,
    "true": True, "True": True, "yes": "yes", "off": "off", "null": None, "~": None, "Null": None,
    "12:30": "12:30", "2026-08-21": date(2026, 8, 21), "2022-10": "2022-10", "3GB": "3GB",
    "1.2.3": "1.2.3", "-x": "-x", '"5"': "5", "'5'": "5",
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS.items())
def test_scalars_mean_what_yaml_1_2_says(text, value):
    for found in (read_yaml(text), read_yaml(f"a: {text}")["a"], read_yaml(f"[{text}, x]")[0]):
        assert found == value
        assert type(found) is type(value)


def test_nan_is_a_number():
    assert isnan(read_yaml(".nan"))


def test_an_empty_text_is_nothing():
    assert read_yaml("") is None
    assert read_yaml("a:") == {"a": None}


def test_a_key_that_stands_twice_is_refused_with_its_line():
    with pytest.raises(DuplicateKeyError) as refused:
        read_yaml("a: 1\nb:\n  c: 1\n  c: 2\n")
    assert refused.value.problem_mark.line == 3


def test_anchors_and_merges_are_understood():
    assert read_yaml("a: &x {b: 1}\nc: *x") == {"a": {"b": 1}, "c": {"b": 1}}
    assert read_yaml("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2")["c"] == {"b": 1, "d": 2}


def test_two_documents_and_impossible_dates_are_refused():
    with pytest.raises(yaml.YAMLError):
        read_yaml("a: 1\n---\nb: 2")
    with pytest.raises(yaml.YAMLError, match="no day of the calendar"):
        read_yaml("a: 2026-13-40")


@pytest.mark.parametrize("deep", ["[" * 100_000, "- " * 100_000, "a: " * 9 + "{a: " * 50_000])
def test_depth_is_bounded(deep):
    with pytest.raises(yaml.YAMLError):
        read_yaml(deep)


def test_a_tree_within_the_bound_is_read():
    depth = DEEPEST - 1
    assert read_yaml("[" * depth + "]" * depth) is not None


words = st.text("abcxyzäß →,:#[]{}\"'\\-?!&*|>%@~0123456789.eE\n\t")
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner) | st.dictionaries(words, inner),
    max_leaves=20,
)  # fmt: skip


@given(plain)
def test_json_is_yaml(content):
    assert read_yaml(json.dumps(content, ensure_ascii=False)) == content
