"""The answer of ``predict``: one engine step or one serving point, or many at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from simulator.economics.cost import device_price
from simulator.simulate.answer import Answer, Interval
from simulator.simulate.figures import COLUMNS, Figure, Value, figures_of, usd_known
from simulator.simulate.replica import Replica
from simulator.simulate.uncertainty import intervals_of_steps, widths_of
from simulator.specs.scenario import Economics


@dataclass(frozen=True, repr=False, eq=False)
class Prediction(Answer):
    """Engine steps (decode or prefill) or one serving point; SI units, None where there is none."""

    hardware: str
    model: str
    engine: str
    precision: str
    kv_precision: str
    devices: int
    phase: str

    identity: ClassVar[tuple[str, ...]] = (
        "hardware", "model", "engine", "precision", "kv_precision", "devices", "phase",
    )  # fmt: skip
    shown: ClassVar[tuple[Figure, ...]] = COLUMNS

    def _about(self) -> str:
        devices = f"{self.devices} × {self.hardware}"
        return f"{self.phase} of {self.model} {self.precision} on {devices}"


@cache
def keys() -> tuple[str, ...]:
    """All keys of ``to_dict`` in order: the columns of a CSV."""
    return tuple(
        Prediction("", "", "", "", "", 0, "", figures={}, intervals={}, notes=()).to_dict()
    )


def steps_predicted(
    setup: Replica, economics: Economics, phase: str, given: Mapping[str, Value]
) -> Prediction:
    """Steps of ``phase`` on ``setup``: the ``given`` figures and all that follow from them.

    ``given`` holds at least ``power_w`` (of all devices), the token rates that apply,
    ``prefill_share``, and ``sigma``, the relative error of the step time; numbers, or arrays of
    one shape.
    """
    known = {"input_tokens_per_s": 0.0, **given} | facts(setup, economics, given["power_w"])
    figures = figures_of({k: v for k, v in known.items() if k != "sigma"})
    widths = widths_of(given["sigma"], setup.device.power_sigma, known)
    return predicted(setup, economics, phase, figures, intervals_of_steps(figures, widths))


def facts(setup: Replica, economics: Economics, power_w: Value) -> dict[str, Value]:
    """How many devices a deployment has, and what they cost."""
    devices = setup.deployment.total_devices
    price = device_price(setup.hardware, economics)
    return {"devices": devices, **usd_known(price, devices, power_w, economics)}


def predicted(
    setup: Replica,
    economics: Economics,
    phase: str,
    figures: Mapping[str, Value],
    intervals: Mapping[str, Interval],
) -> Prediction:
    """The figures of ``phase`` with what they are of, and what to know about them."""
    notes = setup.notes
    if device_price(setup.hardware, economics) is None:
        notes = (*notes, f"nobody has published a price of {setup.hardware.name}")
    return Prediction(
        hardware=setup.device.name,
        model=setup.model.name,
        engine=setup.deployment.engine,
        precision=setup.precision,
        kv_precision=setup.kv_precision,
        devices=setup.deployment.total_devices,
        phase=phase,
        figures=figures,
        intervals=intervals,
        notes=notes,
    )
