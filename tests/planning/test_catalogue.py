"""The catalogue as a whole: clean, documented, and every chip answers for every fitting model."""

import math
from pathlib import Path

import pytest
from nonempty import nonempty

from simulator.cli.show_catalogue import hardware as show_hardware
from simulator.errors import InputError
from simulator.planning.browse import check_catalogue, facts, list_hardware, write_template
from simulator.planning.catalogue_page import catalogue_page
from simulator.simulate.predict import predict
from simulator.specs import catalogue, folders

ROOT = Path(__file__).resolve().parent.parent.parent
HARDWARE = sorted(folders.names(folders.data_folder("hardware_specs")))
MODELS = ("llama-3.1-8b", "llama-3.2-1b", "qwen3-30b-a3b", "deepseek-v3", "bitnet-b1.58-2b-4t")


def test_the_catalogue_has_no_errors():
    assert [f for f in check_catalogue() if f.severity == "error"] == []


@pytest.mark.parametrize(
    ("part", "calibration", "field", "remedy"),
    [
        ("engines.gpu", "constants: {matmull: {overlap: 2}}", "matmull", "did you mean matmul"),
        ("engines.gpu", "constants: {matmul: {overlp: 2}}", "matmul.overlp", "overlap"),
        ("engines.gpu", "kernels: {matmul: my-kernels}", "kernels.matmul", "cublas"),
        ("engines.gpu", "residual: {matmull: 0.1}", "residual.matmull", "did you mean matmul"),
        ("links.scale_up", "constants: {ring_shrt: {}}", "ring_shrt", "did you mean ring_short"),
    ],
)
def test_the_check_finds_typos_in_calibrations(tmp_path, part, calibration, field, remedy):
    section, name = part.split(".")
    text = (
        f"name: mine\ntitle: Mine\nbase: h100-sxm\n"
        f"{section}: {{{name}: {{calibration: {{measured_with: me, {calibration}}}}}}}\n"
    )
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    findings = [f for f in check_catalogue([str(path)]) if f.severity == "error"]
    assert len(findings) == 1
    assert field in findings[0].field
    assert remedy in findings[0].remedy


def test_the_page_in_the_documentation_is_up_to_date():
    page = (ROOT / "docs" / "catalogue.md").read_text(encoding="utf-8")
    assert page == catalogue_page(), "run nox -s docs"


@pytest.mark.parametrize("name", HARDWARE)
def test_every_chip_answers_for_every_model_that_fits(name):
    hardware = catalogue.hardware(name)
    bandwidth = float(hardware.memory.main.bandwidth or 0)
    fitted = 0
    for model in MODELS:
        for precision in (None, "w4a16"):
            for phase in ("decode", "prefill"):
                try:
                    answer = predict(
                        name, model, phase=phase, batch=1, context=256, precision=precision
                    )
                except InputError as refusal:
                    assert "fit" in str(refusal) or "cannot compute" in str(refusal)
                    continue
                fitted += 1
                assert answer.step_time_s is not None
                assert math.isfinite(answer.step_time_s)
                assert 0 < answer.step_time_s < 3600
                assert answer.power_w is not None
                assert answer.power_w > 0
                # Nothing is faster than reading what is resident once.
                if phase == "decode" and model.startswith("llama") and bandwidth:
                    parameters = 1.2e9 if "1b" in model else 7.5e9
                    bits = 4 if precision else 16
                    assert answer.step_time_s > parameters * bits / 8 / bandwidth
    assert fitted, f"no model fits {name}"


def test_every_number_is_shown_in_what_its_field_is_counted_in(capsys):
    dimensions = {fact.field: fact.dimension for fact in facts(catalogue.hardware("a100-sxm-80gb"))}
    assert dimensions["memory.cache.latency"] == "seconds"
    assert dimensions["memory.cache.bandwidth"] == "bytes/s"
    assert dimensions["engines.gpu.peak_sparse.bf16"] == "flop/s"
    assert dimensions["power.limit"] == "watts"
    assert dimensions["area_mm2"] is None
    device = catalogue.hardware("a100-sxm-80gb")
    show_hardware(device, facts(device))
    shown = capsys.readouterr().out
    assert "148 ns" in shown
    assert "624 TFLOP/s" in shown


def test_every_number_of_a_device_says_where_it_is_from():
    for fact in nonempty(facts(catalogue.hardware("h100-sxm"))):
        assert fact.source
        assert fact.kind


def test_filters_narrow_the_list():
    everything = list_hardware()
    nvidia = list_hardware(vendor="nvidia", least_memory_bytes=100e9, precision="fp8")
    assert 0 < len(nvidia) < len(everything)
    assert all(row.vendor == "NVIDIA" and row.memory_bytes >= 100e9 for row in nvidia)


@pytest.mark.parametrize("kind", ["hardware", "model"])
def test_a_template_is_usable_as_it_stands(tmp_path, kind):
    path = write_template(kind, "my-thing", tmp_path)
    if kind == "hardware":
        assert predict(str(path), "llama-3.1-8b").step_time_s > 0
    else:
        assert predict("h100-sxm", str(path)).step_time_s > 0
    with pytest.raises(InputError, match="already exists"):
        write_template(kind, "my-thing", tmp_path)
