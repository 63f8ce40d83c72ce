"""How a device's answers are known: measured on itself, on a relative, or on its class alone."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from simulator.specs import catalogue
from simulator.specs.calibration import EngineCalibration
from simulator.validation.score import Group, Sample, group_by

CALIBRATED, CARRIED, CLASS = "calibrated", "carried over", "class default"


@cache
def standing_of(hardware: str) -> str:
    """The standing of a device, or of one of its engines (``name:engine``)."""
    name, _, engine = hardware.partition(":")
    device = catalogue.hardware(name)
    known = device.engines[engine or device.main_engine].calibration
    if known is None:
        return CLASS
    lent = isinstance(known, EngineCalibration) and known.carried_from is not None
    return CARRIED if lent else CALIBRATED


def by_standing(samples: Iterable[Sample]) -> tuple[Group, ...]:
    """One group for each standing, phase and quantity; ``hardware`` holds the standing.

    All kernels are one phase: what an interval is worth hangs on how its device is known.
    """
    named = (
        replace(
            sample,
            hardware=standing_of(sample.hardware),
            phase="kernel" if sample.model == "kernel" else sample.phase,
        )
        for sample in samples
    )
    return group_by(named, "hardware", "phase", "quantity")
