"""Files of any kind: duplicate keys, unknown fields, wrong units, and the errors that name them."""

from pathlib import Path

import pytest

from simulator.errors import InputError, nearest
from simulator.specs import catalogue, folders
from simulator.specs.hardware import Hardware
from simulator.specs.reading import read_mapping, validate

CHIP = """
name: my-chip
title: My chip
vendor: Me
class: datacenter-gpu
engines:
  gpu: {units: 100, peak: {bf16: 500 TFLOP/s}}
memory:
  main: {capacity: 64 GB, bandwidth: 2 TB/s}
power: {limit: 400 W}
"""


def write(folder: Path, text: str, name: str = "my-chip.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_minimal_chip_is_one_file(tmp_path):
    chip = catalogue.hardware(str(write(tmp_path, CHIP)))
    assert float(chip.engines["gpu"].peak["bf16"]) == 500e12
    assert float(chip.memory.main.bandwidth) == 2e12


@pytest.mark.parametrize(
    ("old", "new", "field", "says"),
    [
        ("power: {limit: 400 W}", "power: {limit: 400 W}\nname: again", "line", "twice"),
        ("vendor: Me", "vendr: Me", "vendr", "did you mean vendor"),
        ("2 TB/s", "2 TFLOP/s", "memory.main.bandwidth", "unknown unit"),
        ("400 W", "-400 W", "power.limit", "more than zero|zero or more"),
        ("400 W", ".nan", "power.limit", "finite"),
        ("  main: {capacity: 64 GB", "  main: {capacty: 64 GB", "memory.main.capacty", "capacity"),
        ("class: datacenter-gpu", "class: toaster", "class", "must be one of"),
        ("title: My chip\n", "", "title", "missing"),
        ("bf16: 500", "bf61: 500", "engines.gpu.peak", "bf61|must be one of"),
    ],
)
def test_errors_name_file_field_and_remedy(tmp_path, old, new, field, says):
    assert old in CHIP
    path = write(tmp_path, CHIP.replace(old, new))
    with pytest.raises(InputError) as caught:
        catalogue.hardware(str(path))
    text = str(caught.value)
    assert "my-chip.yaml" in text
    assert field in text
    assert any(part in text.lower() for part in says.lower().split("|")), text


def test_low_above_value_is_refused():
    content = {"value": 3, "low": 4}
    fields = dict(read_example(), power={"limit": content})
    with pytest.raises(InputError, match="low"):
        validate(Hardware, fields, "x")


def read_example() -> dict:
    return read_mapping(folders.data_folder("hardware_specs") / "h100-sxm.yaml")


def test_sparse_and_dense_peaks_have_separate_keys():
    chip = catalogue.hardware("h100-sxm")
    assert float(chip.engines["gpu"].peak["bf16"]) < 1000e12


def test_unknown_names_suggest_the_nearest_and_never_fall_back():
    with pytest.raises(InputError, match="h100-sxm"):
        catalogue.hardware("h100-sx")
    with pytest.raises(InputError, match=r"llama-3\.1-8b"):
        catalogue.model("llama-3.1-8")
    with pytest.raises(InputError, match="vllm"):
        catalogue.engine_profile("vlm")


def test_nearest_lists_what_is_known_when_nothing_is_close():
    assert "alpha" in nearest("zzzz", ["alpha", "beta"])


def test_json_with_a_duplicate_key_is_refused(tmp_path):
    path = write(tmp_path, '{"hidden_size": 1, "hidden_size": 2}', "config.json")
    with pytest.raises(InputError, match="twice"):
        read_mapping(path)


def test_aliases_and_hugging_face_ids_find_the_model():
    assert catalogue.model("meta-llama/Llama-3.1-8B").name == "llama-3.1-8b"
