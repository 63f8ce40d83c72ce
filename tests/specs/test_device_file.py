"""Devices built on others, on calibration files and on shared sources; and edited files."""

import os
from datetime import date
from pathlib import Path

import pytest

from simulator.errors import InputError
from simulator.planning.browse import check_catalogue, unused_shared_sources
from simulator.simulate.predict import predict
from simulator.specs import catalogue
from simulator.specs.calibration import DeviceCalibration
from simulator.specs.device_file import calibration_file
from simulator.specs.folders import data_folder, names
from simulator.specs.yaml_text import read_yaml

CHIP = """
name: my-chip
title: My chip
vendor: Me
class: datacenter-gpu
aliases: [mine]
sources: {sheet: my data sheet, bill: my bill}
engines:
  gpu:
    units: 100
    peak:
      bf16: {value: 500 TFLOP/s, source: sheet}
      fp8: {value: 1000 TFLOP/s, source: sheet}
memory:
  main: {capacity: 64 GB, bandwidth: 2 TB/s}
links:
  scale_up: {technology: NVLink 4, bandwidth: 450 GB/s}
power: {limit: 400 W, idle: {value: 50 W, source: bill}}
prices:
  offers:
    - {provider: A, term: spot, usd_per_hour: 1, as_of: 2026, source: bill}
    - {provider: A, term: on-demand, usd_per_hour: 2, as_of: 2026, source: bill}
"""

MEASURED = """
engines:
  gpu:
    measured_with: my bench
    constants: {elementwise: {launch_s: 3e-6}}
    kernels: {matmul: cublas}
links:
  scale_up: {measured_with: my ring, residual: {link: 0.1}}
"""

VARIANT = "name: my-variant\ntitle: My variant\nbase: my-chip\n"


def put(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def family(folder: Path, variant: str) -> str:
    put(folder, "my-chip.yaml", CHIP)
    put(folder, "calibrations/my-chip.yaml", MEASURED)
    return put(folder, "my-variant.yaml", VARIANT + variant)


def launch_s(chip) -> float:
    return chip.engines["gpu"].calibration.constants["elementwise"]["launch_s"].value


# Calibration files


def test_a_calibration_beside_a_file_is_laid_over_it(tmp_path):
    put(tmp_path, "calibrations/my-chip.yaml", MEASURED)
    chip = catalogue.hardware(put(tmp_path, "my-chip.yaml", CHIP))
    assert launch_s(chip) == 3e-6
    assert chip.links.scale_up.calibration.measured_with == "my ring"


def test_a_single_file_may_carry_its_calibration(tmp_path):
    inline = "    calibration: {measured_with: x, constants: {elementwise: {launch_s: 4e-6}}}\n"
    text = CHIP.replace("    units: 100\n", "    units: 100\n" + inline)
    path = put(tmp_path, "my-chip.yaml", text)
    assert launch_s(catalogue.hardware(path)) == 4e-6
    put(tmp_path, "calibrations/my-chip.yaml", MEASURED)
    with pytest.raises(
        InputError, match=r"engines\.gpu\.calibration.*keep one of the two|keep one"
    ):
        catalogue.hardware(path)


@pytest.mark.parametrize(
    ("old", "new", "field", "remedy"),
    [
        ("  gpu:", "  gpt:", "engines.gpt", "did you mean gpu"),
        ("  scale_up:", "  host:", "links.host", "describe the link"),
        ("measured_with: my bench", "measured_by: me", "engines.gpu.measured_by", "measured_with"),
        ("constants:", "carried_from: b300\n    constants:", "carried_from", "of its own"),
    ],
)
def test_a_wrong_calibration_names_its_own_file_and_field(tmp_path, old, new, field, remedy):
    put(tmp_path, "calibrations/my-chip.yaml", MEASURED.replace(old, new))
    with pytest.raises(InputError) as caught:
        catalogue.hardware(put(tmp_path, "my-chip.yaml", CHIP))
    assert "calibrations/my-chip.yaml" in str(caught.value)
    assert field in str(caught.value)
    assert remedy in str(caught.value)


def test_a_calibration_is_carried_over_from_a_device_that_was_measured(tmp_path):
    put(tmp_path, "calibrations/my-chip.yaml", MEASURED)
    put(tmp_path, "my-chip.yaml", CHIP)
    put(tmp_path, "my-next.yaml", CHIP.replace("my-chip", "my-next"))
    carried = "engines: {gpu: {carried_from: my-chip, measured_with: a guess, rows: 0}}"
    put(tmp_path, "calibrations/my-next.yaml", carried)
    chip = catalogue.hardware(str(tmp_path / "my-next.yaml"))
    assert launch_s(chip) == 3e-6
    assert chip.engines["gpu"].calibration.kernels == {"matmul": "cublas"}
    assert chip.engines["gpu"].calibration.measured_with == "a guess"
    own = carried.replace("rows: 0", "rows: 0, constants: {elementwise: {launch_s: 4.0e-6}}")
    put(tmp_path, "calibrations/my-next.yaml", own)
    chip = catalogue.hardware(str(tmp_path / "my-next.yaml"))
    assert launch_s(chip) == 4e-6
    assert chip.engines["gpu"].calibration.kernels == {"matmul": "cublas"}
    put(tmp_path, "calibrations/my-next.yaml", carried.replace("my-chip", "b300"))
    with pytest.raises(InputError, match="nobody has measured"):
        catalogue.hardware(str(tmp_path / "my-next.yaml"))


def test_every_calibration_of_the_catalogue_belongs_to_a_device_and_an_engine():
    devices = names(data_folder("hardware_specs"))
    calibrations = names(data_folder("hardware_specs") / "calibrations")
    assert set(calibrations) <= set(devices)
    assert len(calibrations) > 40
    for name in calibrations:
        chip = catalogue.hardware(name)
        parts = [*chip.engines.values(), chip.links.host, chip.links.scale_up]
        assert any(part is not None and part.calibration is not None for part in parts)


# Families


def test_a_relative_has_prices_of_its_own_or_those_it_names(tmp_path):
    assert catalogue.hardware(family(tmp_path, "")).prices.offers == []
    same = catalogue.hardware(family(tmp_path, "prices: {same_as: my-chip}\n"))
    assert [offer.price.value for offer in same.prices.offers] == [1.0, 2.0]
    bill = "sources: {bill: my bill}\noffers:\n"
    bill += "  - {provider: A, term: spot, devices: 8, usd_per_hour: 24, as_of: 2026, source: bill}"
    put(tmp_path, "my-chip.yaml", CHIP[: CHIP.index("prices:")])
    put(tmp_path, "prices/my-chip.yaml", bill)
    (offer,) = catalogue.hardware(str(tmp_path / "my-variant.yaml")).prices.offers
    assert (offer.device, offer.price.value, offer.earliest) == ("my-chip", 3.0, date(2026, 1, 1))
    assert catalogue.hardware(str(tmp_path / "my-chip.yaml")).prices.citation(offer) == "my bill"


def test_prices_stand_in_one_place(tmp_path):
    path = put(tmp_path, "my-chip.yaml", CHIP)
    put(tmp_path, "prices/my-chip.yaml", "offers: []")
    with pytest.raises(InputError, match="keep one of the two"):
        catalogue.hardware(path)


@pytest.mark.parametrize(
    ("prices", "field", "says"),
    [
        ("same_as: my-chop", "same_as", "my-chip"),
        ("{not_sold: rumour, offers: [{provider: A, term: spot, usd_per_hour: 1, as_of: 2026, "
         "source: b}]}", None, "keep one of the two"),
        ("offers: [{provider: A, term: purchase, usd_per_hour: 1, as_of: 2026, source: b}]",
         "offers.0", "a purchase carries usd"),
        ("offers: [{provider: A, term: spot, usd_per_hour: 1, as_of: May, source: b}]",
         "offers.0", "2026-08-31"),
        ("offers: [{provider: A, term: hire, usd_per_hour: 1, as_of: 2026, source: b}]",
         "offers.0.term", "on-demand"),
    ],
)  # fmt: skip
def test_wrong_prices_name_file_and_field(tmp_path, prices, field, says):
    path = put(tmp_path, "my-chip.yaml", CHIP[: CHIP.index("prices:")])
    put(tmp_path, "other/my-chip.yaml", CHIP)
    put(tmp_path, "prices/my-chip.yaml", prices)
    with pytest.raises(InputError) as caught:
        catalogue.hardware(path)
    assert str(caught.value.file).endswith("prices/my-chip.yaml")
    assert caught.value.field == field
    assert says in f"{caught.value.problem} {caught.value.remedy}"


def test_a_variant_inherits_the_calibration_and_no_alias(tmp_path):
    chip = catalogue.hardware(family(tmp_path, "power: {limit: 300 W}\n"))
    assert launch_s(chip) == 3e-6
    assert chip.aliases == []
    assert chip.power.limit.value == 300


def test_a_variants_own_calibration_replaces_the_inherited_one_whole(tmp_path):
    path = family(tmp_path, "")
    put(tmp_path, "calibrations/my-variant.yaml", "engines: {gpu: {measured_with: mine}}")
    chip = catalogue.hardware(path)
    assert chip.engines["gpu"].calibration.constants == {}
    assert chip.links.scale_up.calibration.measured_with == "my ring"


def test_without_takes_away_what_the_variant_lacks(tmp_path):
    chip = catalogue.hardware(family(tmp_path, "without: [power.idle, engines.gpu.peak.fp8]\n"))
    assert chip.power.idle is None
    assert list(chip.engines["gpu"].peak) == ["bf16"]
    # A source that nothing names any more is not cited.
    assert chip.sources == {"sheet": "my data sheet"}


@pytest.mark.parametrize(
    ("variant", "field", "says"),
    [
        ("without: [memory.cash]\n", "without", "the base has no memory.cash"),
        ("without: links\n", "without", "is not a list"),
        ("base: my-chop\n", "base", "my-chip"),
        ("base: my-variant\n", "base", "unknown device"),
    ],
)
def test_a_wrong_family_names_file_and_field(tmp_path, variant, field, says):
    path = family(tmp_path, "")
    text = VARIANT + variant
    if variant.startswith("base"):
        text = text.replace("base: my-chip\n", "", 1)
    put(tmp_path, "my-variant.yaml", text)
    with pytest.raises(InputError) as caught:
        catalogue.hardware(path)
    assert f"my-variant.yaml: {field}" in str(caught.value)
    assert says in str(caught.value)


def test_a_family_may_have_several_generations_but_no_circle(tmp_path):
    path = family(tmp_path, "power: {limit: 300 W}\n")
    third = put(tmp_path, "third.yaml", "name: third\ntitle: Third\nbase: my-variant\n")
    assert catalogue.hardware(third).power.limit.value == 300
    put(tmp_path, "my-chip.yaml", CHIP + "base: my-variant\n")
    with pytest.raises(InputError, match="built on itself"):
        catalogue.hardware(path)


# Sources


def test_a_file_may_cite_the_shared_sources_and_overrule_them(tmp_path):
    text = CHIP.replace("units: 100", "units: {value: 100, source: nvidia-smi}")
    chip = catalogue.hardware(put(tmp_path, "my-chip.yaml", text))
    assert "nvidia-smi" in chip.sources["nvidia-smi"]
    text = text.replace("sheet: my", "nvidia-smi: mine, sheet: my")
    assert catalogue.hardware(put(tmp_path, "my-chip.yaml", text)).sources["nvidia-smi"] == "mine"


def test_sources_that_nobody_names_are_reported(tmp_path):
    text = CHIP.replace("sheet: my", "nobody: a page, sheet: my")
    found = check_catalogue([put(tmp_path, "my-chip.yaml", text)])
    assert [f.field for f in found if "named by no" in f.problem] == ["sources.nobody"]
    every = list(catalogue.all_hardware())
    assert unused_shared_sources(every) == []
    assert unused_shared_sources(every[:3])


# Files that change


def answer(hardware: str, model: str = "llama-3.1-8b") -> float:
    step_s = predict(hardware, model).step_time_s
    assert step_s is not None
    return step_s


def test_an_edited_chip_counts_at_once(tmp_path):
    path = put(tmp_path, "my-chip.yaml", CHIP)
    before = answer(path)
    assert catalogue.hardware(path) is catalogue.hardware(path)
    put(tmp_path, "my-chip.yaml", CHIP.replace("2 TB/s", "4 TB/s"))
    assert answer(path) < 0.7 * before
    put(tmp_path, "my-chip.yaml", CHIP)
    assert answer(path) == before


def test_an_edited_base_or_calibration_counts_at_once(tmp_path):
    path = family(tmp_path, "")
    before = answer(path)
    put(tmp_path, "calibrations/my-chip.yaml", MEASURED.replace("3e-6", "9e-5"))
    slower = answer(path)
    assert slower > 1.2 * before
    put(tmp_path, "my-chip.yaml", CHIP.replace("2 TB/s", "4 TB/s"))
    assert answer(path) < slower
    calibration_file(tmp_path / "my-chip.yaml").unlink()
    assert catalogue.hardware(path).engines["gpu"].calibration is None


def test_an_edited_model_counts_at_once(tmp_path):
    config = (
        '{"model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, '
        '"num_hidden_layers": %d, "num_attention_heads": 32, "num_key_value_heads": 8, '
        '"vocab_size": 128256, "max_position_embeddings": 8192}'
    )
    path = put(tmp_path, "config.json", config % 16)
    before = answer("h100-sxm", path)
    put(tmp_path, "config.json", config % 32)
    assert answer("h100-sxm", path) > 1.5 * before
    assert answer("h100-sxm", str(tmp_path)) == answer("h100-sxm", path)


def test_a_relative_path_follows_the_working_directory(tmp_path, monkeypatch):
    for folder, rate in (("one", "2 TB/s"), ("two", "4 TB/s")):
        put(tmp_path / folder, "my-chip.yaml", CHIP.replace("2 TB/s", rate))
    monkeypatch.chdir(tmp_path / "one")
    before = answer("./my-chip.yaml")
    monkeypatch.chdir(tmp_path / "two")
    assert answer("./my-chip.yaml") < 0.7 * before


def test_a_new_content_of_the_same_size_and_time_in_a_new_file_counts(tmp_path):
    path = Path(put(tmp_path, "my-chip.yaml", CHIP))
    assert catalogue.hardware(str(path)).power.limit.value == 400
    other = Path(put(tmp_path, "next.yaml", CHIP.replace("400 W", "500 W")))
    old = path.stat()
    os.utime(other, ns=(old.st_atime_ns, old.st_mtime_ns))
    other.replace(path)
    assert catalogue.hardware(str(path)).power.limit.value == 500


def test_a_bare_config_is_called_like_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "config.json", '{"model_type": "llama", "hidden_size": 2048,'
        '"intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,'
        '"vocab_size": 128256, "max_position_embeddings": 8192}')  # fmt: skip
    assert catalogue.model("config.json").title == tmp_path.name
    assert catalogue.model(".").title == tmp_path.name


EARLIER = """
engines:
  gpu:
    measured_with: now
    software: {name: kernels 3, as_of: 2026-06-30}
    constants: {matmul: {peak_fraction: 0.6}}
    earlier:
      - measured_with: then
        software: {name: kernels 1, as_of: 2024-06-30}
        constants: {matmul: {peak_fraction: 0.2}}
      - measured_with: later
        software: {name: kernels 2, as_of: 2025-06-30}
        constants: {matmul: {peak_fraction: 0.4}}
"""


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2023, 1, 1), "kernels 1"),
        (date(2024, 6, 30), "kernels 1"),
        (date(2024, 7, 1), "kernels 2"),
        (date(2025, 7, 1), "kernels 3"),
        (date(2030, 1, 1), "kernels 3"),
    ],
)
def test_a_device_is_as_it_was_measured_with_software_of_the_day(day, name):
    section = DeviceCalibration.model_validate(read_yaml(EARLIER)).engines["gpu"]
    assert section.under(day).software.name == name


def test_earlier_software_says_of_when_it_is():
    text = EARLIER.replace("software: {name: kernels 1, as_of: 2024-06-30}", "rows: 1")
    with pytest.raises(ValueError, match="need software"):
        DeviceCalibration.model_validate(read_yaml(text))
