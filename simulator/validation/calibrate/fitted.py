"""What a fit is asked of, and what it found: laws of one section, and errors on unseen rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from simulator.roofline.device.device import Device, resolve
from simulator.specs.calibration import Calibration
from simulator.specs.hardware import Hardware
from simulator.validation.score import Sample

Part = Literal["engines", "links"]


@dataclass(frozen=True, slots=True)
class Target:
    """The device whose section is fitted, as the user names it, and its compute engine."""

    asked: str
    hardware: Hardware
    device: Device

    def with_section(self, section: Calibration) -> Device:
        """The device with another calibration of its engine."""
        name = self.device.engine
        part = self.hardware.engines[name].model_copy(update={"calibration": section})
        engines = {**self.hardware.engines, name: part}
        asked = name if ":" in self.device.name else None
        return resolve(self.hardware.model_copy(update={"engines": engines}), asked)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Constants of some laws of one section, as measured.

    Args:
        part, name: which section of a calibration file: ``engines`` ``gpu``, ``links`` ``host``.
        calibration: what was fitted and nothing else.
        before, after: the rows kept back, as the device's old and its new constants predict them.
        refused: rows that could not be used, with the reason.
    """

    part: Part
    name: str
    calibration: Calibration
    before: tuple[Sample, ...] = field(repr=False)
    after: tuple[Sample, ...] = field(repr=False)
    refused: tuple[tuple[str, str], ...] = field(repr=False, default=())


Fit = Callable[[Sequence[Path], Target], Fitted]
"""(files of measurements, the device) → what they tell of one section."""


_REST = "; the rest: "


def calibration_over(new: Calibration, known: Calibration | None) -> Calibration:
    """A whole section: what was fitted ``new``, and what is ``known`` of everything else in it."""
    old = {} if known is None else known.constants
    constants = {
        law: {**old.get(law, {}), **new.constants.get(law, {})} for law in {**old, **new.constants}
    }
    # What newer software reaches leaves it as it was that older software reached less.
    kept = {} if known is None else {"software": known.software, "earlier": known.earlier}
    if known is None or old.keys() <= new.constants.keys():
        return new.model_copy(update={"constants": constants, **kept})
    update = {
        "measured_with": _told(new.measured_with, known.measured_with),
        "as_of": new.as_of,
        "constants": constants,
        "kernels": {**known.kernels, **new.kernels},
        "residual": {**known.residual, **new.residual},
    }
    return known.model_copy(update=update)


def _told(new: str, old: str) -> str:
    """Both origins, the newer one first, without what repeats it."""
    first, _, rest = old.partition(_REST)
    return old if first == new else f"{new}{_REST}{rest if rest and first == new else old}"
