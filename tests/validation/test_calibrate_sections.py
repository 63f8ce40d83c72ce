"""Sections refitted from the measured data are those that the catalogue ships."""

import json

import pytest

from simulator.errors import InputError
from simulator.specs import catalogue
from simulator.validation.calibrate.run import FITS, calibrate, section_and_files
from simulator.validation.split import is_score_row


def shipped(hardware, part, name):
    found = catalogue.hardware(hardware)
    if part == "engines":
        return found.engines[name].calibration
    return getattr(found.links, name).calibration


def agree(found, known, laws, rel):
    for law in laws:
        for name, value in found.section.constants[law].items():
            assert float(value) == pytest.approx(float(known.constants[law][name]), rel=rel), name


def test_links_are_the_shipped_ones_to_three_digits(shared_data):
    found = calibrate("links", [shared_data / "kernels" / "h200_sxm"], "h200-sxm")
    known = shipped("h200-sxm", "links", "scale_up")
    assert found.place == "links.scale_up"
    assert found.fitted_rows == known.rows
    agree(found, known, known.constants, 3e-3)
    assert all(group.mean_error < 0.09 for group in found.after)


def test_the_host_link_is_the_shipped_one(shared_data):
    found = calibrate("host", [shared_data / "h200_lab" / "micro.json"], "h200-sxm")
    agree(found, shipped("h200-sxm", "links", "host"), found.section.constants, 1e-3)
    assert {group.phase for group in found.after} == {
        "copy from the host", "gather from the host",
    }  # fmt: skip


def test_power_is_near_what_is_shipped(shared_data):
    """The shipped shares were told by an engine's watts as well."""
    found = calibrate("power", [shared_data / "h200_lab" / "micro.json"], "h200-sxm")
    known = shipped("h200-sxm", "engines", "gpu")
    for name, value in found.section.constants["power"].items():
        leaf = float(known.constants["power"][name])
        assert float(value) == pytest.approx(leaf, rel=0.4), name
    assert float(found.section.constants["power"]["idle"]) == pytest.approx(0.189, rel=3e-3)
    assert found.section.constants["matmul"] == known.constants["matmul"]
    [loads] = found.after
    assert loads.mean_error < 0.05


def test_kernels_of_latent_attention_are_the_shipped_ones(shared_data):
    table = (
        shared_data / "kernels" / "h200_sxm" / "vllm-0.24.0" / "mla_generation_module_perf.parquet"
    )
    found = calibrate("kernels", [table], "h200-sxm")
    agree(found, shipped("h200-sxm", "engines", "gpu"), ["attention.latent_decode"], 1e-2)


def test_tables_tell_of_the_condition_that_they_were_taken_in(shared_data):
    table = (
        shared_data / "kernels" / "a100_sxm" / "vllm-0.14.0" / "generation_attention_perf.parquet"
    )
    found = calibrate("kernels", [table], "a100-sxm-80gb")
    known = shipped("a100-sxm-80gb", "engines", "gpu")
    steady = found.section.constants["attention.decode"]
    assert steady == known.constants["attention.decode"]
    assert "matrix_fraction" in found.section.constants["benchmark.attention.decode"]


def document(tmp_path, **content):
    path = tmp_path / "micro.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_section_is_named_first_and_kernels_need_not_be():
    assert section_and_files(["host", "a.json"])[0] == "host"
    section, files = section_and_files(["a.parquet", "links"])
    assert (section, [str(file) for file in files]) == ("kernels", ["a.parquet", "links"])
    with pytest.raises(InputError, match="no file of measurements"):
        section_and_files(["power"])


@pytest.mark.parametrize("section", FITS)
def test_files_that_a_section_cannot_use_are_named(tmp_path, section):
    odd = tmp_path / "odd.txt"
    odd.write_text("?", encoding="utf-8")
    with pytest.raises(InputError, match=r"odd\.txt.*nothing that this section is fitted to"):
        calibrate(section, [odd], "h200-sxm")
    with pytest.raises(InputError, match="no such file"):
        calibrate(section, [tmp_path / "absent.json"], "h200-sxm")


def test_rows_without_their_numbers_are_named(tmp_path):
    path = document(tmp_path, pcie=[{"kind": "h2d", "nbytes": 4096}])
    with pytest.raises(InputError, match=r"pcie\[0\]: has no s"):
        calibrate("host", [path], "h200-sxm")
    with pytest.raises(InputError, match="nothing tells of the link"):
        calibrate("host", [document(tmp_path, pcie=[])], "h200-sxm")
    load = {"tag": "mystery", "watts": 300, "calls": 1, "seconds": 1, "flops_per_call": 1e12}
    with pytest.raises(InputError, match="does not say"):
        calibrate("power", [document(tmp_path, power=[load])], "h200-sxm")


def test_a_device_without_the_link_is_told(tmp_path):
    path = document(tmp_path, pcie=[{"kind": "h2d", "nbytes": 4096, "s": 1e-5}])
    with pytest.raises(InputError, match="has no link to a host"):
        calibrate("host", [path], "apple-m4")


def test_a_small_copy_alone_tells_the_floor(tmp_path):
    copies = [
        {"kind": "h2d", "nbytes": size, "s": max(9e-6, 4e-6 + size / 50e9)}
        for size in (1024, 2048, 4096, 8192, 1 << 24, 1 << 25, 1 << 26, 1 << 27, 1 << 28)
        if size > 1e6 or not is_score_row(f"copy h200-sxm h2d {size}")
    ]
    small = calibrate("host", [document(tmp_path, pcie=copies)], "h200-sxm").section
    assert float(small.constants["copy"]["floor_s"]) == pytest.approx(9e-6, rel=1e-2)
    large = [copy for copy in copies if copy["nbytes"] > 1e6]
    known = shipped("h200-sxm", "links", "host").constants["copy"]["floor_s"]
    found = calibrate("host", [document(tmp_path, pcie=large)], "h200-sxm").section
    assert found.constants["copy"]["floor_s"].value == known.value
