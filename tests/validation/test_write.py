"""Calibration files as text: what is written reads back as what it was."""

import pytest

from simulator.specs import catalogue
from simulator.specs.calibration import Calibration, DeviceCalibration
from simulator.specs.device_file import calibration_file
from simulator.specs.reading import read_mapping, validate
from simulator.specs.yaml_text import read_yaml
from simulator.validation.calibrate.fitted import calibration_over
from simulator.validation.calibrate.write import device_yaml

CALIBRATED = [
    file
    for path in catalogue.names(catalogue.data_folder("hardware_specs")).values()
    if (file := calibration_file(path)).is_file()
]


def section(fraction: float, **more: object) -> Calibration:
    return Calibration.model_validate(
        {
            "measured_with": "a table " * 20,
            "rows": 7,
            "constants": {
                "matmul": {
                    "peak_fraction": fraction,
                    "start_s": 2.5e-6,
                }
            },
            "residual": {"matmul": 0.08},
            **more,
        }
    )


@pytest.mark.parametrize("file", CALIBRATED, ids=lambda file: file.stem)
def test_files_of_the_catalogue_are_written_as_they_are_read(file) -> None:
    stated = validate(DeviceCalibration, read_mapping(file), file)
    again = DeviceCalibration.model_validate(read_yaml(device_yaml(stated, "a chip")))
    assert again == stated


def test_lines_are_short_and_begin_with_what_the_file_is() -> None:
    text = device_yaml(DeviceCalibration.model_validate({"links": {"host": section(0.7)}}), "Chip")
    assert text.startswith("# What Chip was measured to reach.\nlinks:\n  host:\n")
    assert max(map(len, text.splitlines())) <= 100


def test_a_fit_keeps_the_laws_that_it_does_not_tell_of() -> None:
    power = Calibration.model_validate(
        {"measured_with": "watts", "constants": {"power": {"memory": 0.8}}}
    )
    both = calibration_over(power, section(0.7))
    assert both.constants["matmul"] == section(0.7).constants["matmul"]
    assert float(both.constants["power"]["memory"]) == 0.8
    assert both.measured_with.startswith("watts; the rest: a table")
    assert both.residual == section(0.7).residual
    assert calibration_over(power, both) == both


def test_a_fit_of_every_law_replaces_the_section() -> None:
    new = section(0.8, measured_with="mine")
    assert calibration_over(new, section(0.7)) == new
    assert calibration_over(new, None) == new
