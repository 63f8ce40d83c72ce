"""A calibration section as text, put into files that people wrote."""

import pytest

from simulator.specs.calibration import Calibration
from simulator.specs.yaml_text import read_yaml
from simulator.validation.calibrate.write import calibration_yaml, place

HARDWARE = """\
name: chip
engines:
  gpu:
    units: 4 # cores
    peak:
      bf16: 1 TFLOP/s

  npu:
    units: 1
memory:
  main: {capacity: 8 GB}
"""


def section(fraction: float) -> Calibration:
    return Calibration.model_validate(
        {
            "measured_with": "a table " * 20,
            "rows": 7,
            "constants": {
                "matmul": {"peak_fraction": {"value": fraction, "low": 0.4, "high": 0.9},
                           "start_s": 2.5e-6}
            },
            "residual": {"matmul": 0.08},
        }
    )  # fmt: skip


def parsed(text: str) -> dict:
    return read_yaml(text)


def test_text_reads_back_as_the_same_section() -> None:
    found = Calibration.model_validate(parsed(calibration_yaml(section(0.7)))["calibration"])
    assert found.constants == section(0.7).constants
    assert found.measured_with == section(0.7).measured_with.strip()
    assert found.residual == section(0.7).residual


def test_placing_keeps_everything_else() -> None:
    text = place(HARDWARE, ("engines", "gpu"), calibration_yaml(section(0.7)))
    assert "units: 4 # cores" in text
    document = parsed(text)
    assert document["engines"]["gpu"]["calibration"]["rows"] == 7
    assert "calibration" not in document["engines"]["npu"]
    del document["engines"]["gpu"]["calibration"]
    assert document == parsed(HARDWARE)


def test_placing_again_replaces() -> None:
    once = place(HARDWARE, ("engines", "gpu"), calibration_yaml(section(0.7)))
    twice = place(once, ("engines", "gpu"), calibration_yaml(section(0.8)))
    peak = parsed(twice)["engines"]["gpu"]["calibration"]["constants"]["matmul"]["peak_fraction"]
    assert peak["value"] == 0.8
    assert place(twice, ("engines", "gpu"), calibration_yaml(section(0.7))) == once


def test_unknown_place_is_refused() -> None:
    with pytest.raises(KeyError):
        place(HARDWARE, ("engines", "tpu"), calibration_yaml(section(0.7)))
