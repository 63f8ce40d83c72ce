"""The quick reader of plain YAML means what the general one means, or leaves the text to it."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from simulator.specs.catalogue import data_folder
from simulator.specs.plain_yaml import NotPlainError, read_plain

CATALOGUE = [path for name in ("hardware_specs", "models", "scenarios")
             for path in sorted(data_folder(name).glob("*.yaml"))]  # fmt: skip


def general(text):
    return YAML(typ="safe").load(text)


def test_nearly_the_whole_catalogue_is_plain_and_reads_the_same():
    left = []
    for path in CATALOGUE:
        text = Path(path).read_text(encoding="utf-8")
        try:
            assert repr(read_plain(text)) == repr(general(text)), path
        except NotPlainError:
            left.append(path.name)
    assert len(left) < len(CATALOGUE) / 20, left


SCALARS = [
    "1", "+3", "-0", "00", "010", "0x1F", "0o17", "1_000", "0.5", ".5", "1.", "-0.0", "1e5", "1E5",
    "1e+5", "1.5e-3", "1.e3", ".inf", "-.inf", ".nan", "NaN", "true", "True", "TRUE", "yes", "off",
    "null", "Null", "~", "12:30", "2026-08-21", "2026-13-40", "2022-10", "3GB", "1.2.3", "-x", "+x",
    '"5"', "'5'",
]  # fmt: skip


@pytest.mark.parametrize("scalar", SCALARS)
def test_every_scalar_means_the_same(scalar):
    for text in (scalar, f"a: {scalar}", f"{scalar}: a", f"[{scalar}, x]"):
        try:
            wanted = repr(general(text))
        except (ValueError, YAMLError) as refused:
            with pytest.raises(type(refused)):
                read_plain(text)
        else:
            assert repr(read_plain(text)) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "", "a: &x 1\nb: *x", "<<: {a: 1}\nb: 2", "? [a]\n: 1", "%YAML 1.1\n---\na: yes",
        "a: 1\n---\nb: 2", "a: 1\na: 2", "a: !!str 1",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_the_general_reader(text):
    with pytest.raises(NotPlainError):
        read_plain(text)
