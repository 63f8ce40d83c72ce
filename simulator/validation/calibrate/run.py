"""Fitting one section of a device's calibration to measurements: ``roofsim calibrate``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from simulator.errors import InputError
from simulator.files.told import told_as_input_error
from simulator.roofline.device.device import resolve
from simulator.specs import catalogue
from simulator.specs.calibration import Calibration, DeviceCalibration
from simulator.specs.device_file import calibration_file
from simulator.specs.folders import SPECS
from simulator.specs.hardware import Hardware
from simulator.specs.reading import read_mapping, validate
from simulator.validation.calibrate.engine import fit_engine
from simulator.validation.calibrate.fitted import Fit, Fitted, Target, calibration_over
from simulator.validation.calibrate.host import fit_host
from simulator.validation.calibrate.kernels import fit_kernels
from simulator.validation.calibrate.links import fit_links
from simulator.validation.calibrate.watts import fit_watts
from simulator.validation.calibrate.write import device_yaml
from simulator.validation.score import Group, group_by

Section = Literal["kernels", "power", "links", "host", "engine"]

FITS: Mapping[Section, Fit] = {
    "kernels": fit_kernels,
    "power": fit_watts,
    "links": fit_links,
    "host": fit_host,
    "engine": fit_engine,
}
"""What each section is fitted by."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A device's calibration with one section fitted anew.

    Args:
        hardware: the device.
        file: where its calibration stands.
        place: the section, such as ``engines.gpu``.
        section: the section as it is now.
        text: the whole file.
        fitted_rows: rows that were fitted.
        before, after: errors on the others, with the old constants and with the new ones.
        refused: rows that could not be used, with the reason.
    """

    hardware: str
    file: Path
    place: str
    section: Calibration = field(repr=False)
    text: str = field(repr=False)
    fitted_rows: int
    before: tuple[Group, ...]
    after: tuple[Group, ...]
    refused: tuple[tuple[str, str], ...] = field(repr=False, default=())

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values."""
        return {
            "hardware": self.hardware,
            "file": str(self.file),
            "place": self.place,
            "section": self.section.model_dump(mode="json", exclude_none=True),
            "yaml": self.text,
            "fitted_rows": self.fitted_rows,
            "before": [group.to_dict() for group in self.before],
            "after": [group.to_dict() for group in self.after],
            "refused": [{"row": row, "reason": reason} for row, reason in self.refused],
        }


def section_and_files(words: Sequence[str]) -> tuple[Section, list[Path]]:
    """The section that the first word names, kernels where it names none, and the other words."""
    named = next((section for section in FITS if words[:1] == [section]), None)
    files = words if named is None else words[1:]
    if not files:
        raise InputError("no file of measurements is named", field="data")
    return named or "kernels", [Path(file) for file in files]


def calibrate(
    section: Section, data: Sequence[Path], device: str, *, measured_with: str | None = None
) -> Calibrated:
    """Fit one section of ``device`` (``apple-m4-pro``, or ``apple-m4-pro:cpu``) to ``data``.

    Half of the rows are fitted by robust least squares on log time; the errors told are of the
    other half. Sections and laws that ``data`` tell nothing of stay as they are.

    Raises:
        InputError: an unknown device, a file that is not understood, or too few rows.
    """
    name, _, engine = device.partition(":")
    hardware = catalogue.hardware(name)
    fitted = FITS[section](data, Target(device, hardware, resolve(hardware, engine or None)))
    path = catalogue.hardware_file(name)
    _check_not_inline(fitted, path)
    file = calibration_file(path)
    calibration = fitted.calibration
    if measured_with is not None:
        calibration = calibration.model_copy(update={"measured_with": measured_with})
    whole = calibration_over(calibration, _known(fitted, hardware))
    text = device_yaml(_with(_stated(file), fitted, whole), hardware.title)
    names = ("hardware", "phase", "quantity")
    return Calibrated(
        hardware=hardware.name,
        file=file,
        place=f"{fitted.part}.{fitted.name}",
        section=whole,
        text=text,
        fitted_rows=calibration.rows or 0,
        before=group_by(fitted.before, *names),
        after=group_by(fitted.after, *names),
        refused=fitted.refused,
    )


def own_file(device: str) -> Path:
    """The file of the device's calibration, in a folder that is there.

    Raises:
        InputError: it belongs to an installed package.
    """
    file = calibration_file(catalogue.hardware_file(device.partition(":")[0])).resolve()
    if file.is_relative_to(SPECS.parent):
        raise InputError(
            "belongs to the installed package",
            file=file,
            remedy="name another file with --out, or copy the device's file and calibrate that",
        )
    with told_as_input_error(file):
        file.parent.mkdir(exist_ok=True)
    return file


def _check_not_inline(fitted: Fitted, path: Path) -> None:
    described = read_mapping(path).get(fitted.part, {}).get(fitted.name, {})
    if "calibration" in described:
        raise InputError(
            "the device's own file calibrates this section",
            file=path,
            field=f"{fitted.part}.{fitted.name}.calibration",
            remedy=f"move it to {calibration_file(path)}",
        )


def _known(fitted: Fitted, hardware: Hardware) -> Calibration | None:
    """What holds for the section now, lent or inherited constants included."""
    if fitted.part == "engines":
        return hardware.engines[fitted.name].calibration
    link = getattr(hardware.links, fitted.name)
    return None if link is None else link.calibration


def _stated(file: Path) -> DeviceCalibration:
    if not file.is_file():
        return DeviceCalibration()
    return validate(DeviceCalibration, read_mapping(file), file)


def _with(stated: DeviceCalibration, fitted: Fitted, section: Calibration) -> DeviceCalibration:
    """``stated`` with the fitted section, which is not carried over any more."""
    content = section.model_dump(exclude_none=True)
    content.pop("carried_from", None)
    plain = stated.model_dump(exclude_none=True)
    plain[fitted.part] = {**plain[fitted.part], fitted.name: content}
    return DeviceCalibration.model_validate(plain)
