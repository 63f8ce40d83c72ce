"""How far a device falls short of its data sheet, as found by measurement: constants of laws."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from simulator.specs.quantity import AsOf, Quantity, Spec, Whole

LinkName = Literal["host", "scale_up", "scale_out"]


def _leaf(raw: object) -> object:
    return raw if isinstance(raw, dict | Quantity) else {"value": raw}


def _without_interval(raw: object) -> object:
    if isinstance(raw, dict) and ("low" in raw or "high" in raw):
        raise ValueError("a fitted constant has no interval; how sure its law is, residual says")
    return _leaf(raw)


Constant = Annotated[Quantity, BeforeValidator(_leaf)]
"""A plain SI number or fraction."""
Fitted = Annotated[Quantity, BeforeValidator(_without_interval)]
"""The same, whose meaning a cost law defines; the law's residual holds the error of its fit."""


class Software(Spec):
    """What ran on a device while it was measured, and the day of its newest release."""

    name: str
    as_of: date


class Calibration(Spec):
    """How far a part of a device falls short of its data sheet, as found by measurement.

    ``constants`` maps a cost law (``matmul.bf16``, ``attention.decode``, ``elementwise``, …) to
    its named constants; ``matmul.bf16`` is laid over ``matmul``, and what both leave out comes
    from the device class. ``kernels`` names the kernel family that a law uses. ``residual`` is a
    law's own relative error (one standard deviation of log time) on rows that were not fitted.

    ``software`` is what ran. ``earlier`` holds what the device reached with older software, the
    oldest first: a serving engine of that time gets the first one that is no older than itself.
    """

    measured_with: str
    software: Software | None = None
    as_of: AsOf | None = None
    rows: Whole | None = Field(default=None, ge=0)
    constants: dict[str, dict[str, Fitted]] = {}
    kernels: dict[str, str] = {}
    residual: dict[str, Fitted] = {}
    earlier: list["Calibration"] = []

    @model_validator(mode="after")
    def _earlier_is_dated(self) -> Self:
        if any(each.software is None for each in self.earlier):
            raise ValueError("earlier calibrations need software, with as_of: it says until when")
        return self

    def under(self, day: date) -> "Calibration":
        """The calibration that holds for software of ``day``."""
        old = (each for each in self.earlier if each.software and day <= each.software.as_of)
        return next(old, self)


class ClassCalibration(Calibration):
    """What is assumed of every device of a class.

    ``runs_gpu_kernels``: whether kernels written for discrete GPUs run on them.
    """

    runs_gpu_kernels: bool = False


class EngineCalibration(Calibration):
    """An engine's section of a calibration file.

    ``carried_from`` names a device whose engine of the same name lends the constants and kernel
    families that nobody has measured of this one; ``residual`` says how far that can be wrong.
    """

    carried_from: str | None = None


class DeviceCalibration(Spec):
    """``calibrations/<device>.yaml``: what each part of the device was measured to reach."""

    engines: dict[str, EngineCalibration] = {}
    links: dict[LinkName, Calibration] = {}
