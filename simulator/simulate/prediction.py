"""The answer of ``predict``: one engine step or one serving point, or many at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from simulator.economics.breakdown import Paid, breakdown
from simulator.economics.cost import device_price, nearest_price
from simulator.economics.rules import Work, rule_of
from simulator.simulate.answer import Answer
from simulator.simulate.figure import Figure, Value
from simulator.simulate.figures import COLUMNS, figures_of
from simulator.simulate.pricing import (
    idle_words,
    nearest_words,
    price_figures,
    unpriced_words,
    usd_known,
)
from simulator.simulate.replica import Replica
from simulator.simulate.surroundings import Drawing, limits_told, site_known
from simulator.simulate.uncertainty import intervals_of_steps, widths_of
from simulator.specs.economics import Economics

if TYPE_CHECKING:
    from simulator.simulate.result import SimulationResult


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
    setup: Replica,
    economics: Economics,
    phase: str,
    given: Mapping[str, Value],
    told: tuple[str, ...] = (),
) -> Prediction:
    """Steps of ``phase`` on ``setup``: the ``given`` figures and all that follow from them.

    ``given`` holds at least ``power_w`` (of all devices), the token rates that apply, and
    ``sigma``, the relative error of the step time; numbers, or arrays of one shape. ``told``
    stands before the notes of the setup.
    """
    devices = setup.deployment.total_devices
    price = device_price(setup.hardware, economics)
    paid = usd_known(price, devices, given["power_w"])
    inputs, outputs = given.get("input_tokens_per_s", 0.0), given.get("output_tokens_per_s", 0.0)
    is_prompt = float(phase == "prefill")
    drawn = [Drawing(setup.hardware, devices, given["power_w"])]
    work = Work(prompts=is_prompt, added=is_prompt, uncached=inputs, output=outputs)
    rates = {
        "input_tokens_per_s": inputs,
        **given,
        "devices": devices,
        "work": work,
        "shares": rule_of(economics)(work, economics),
        "success_rate": economics.success_rate,
        **site_known(drawn, economics),
    }
    limits = limits_told(drawn, economics)
    notes, nearest = (*told, *setup.notes, *limits, *idle_words(economics, (price,))), None
    if price is None:
        nearest = _nearest(setup, economics, rates)
        notes = (*notes, unpriced_words(setup.hardware, economics, nearest))
    known = {**rates, **paid, **price_figures(economics, (price,), nearest)}
    figures = figures_of({k: v for k, v in known.items() if k != "sigma"})
    is_one = not np.ndim(given["power_w"])
    lines = breakdown([Paid(price, devices, given["power_w"])]) if price and is_one else ()
    widths = widths_of(given["sigma"], setup.device.power_sigma, known)
    return Prediction(
        hardware=setup.device.name,
        model=setup.model.name,
        engine=setup.deployment.engine,
        precision=setup.precision,
        kv_precision=setup.kv_precision,
        devices=devices,
        phase=phase,
        figures=figures,
        intervals=intervals_of_steps(figures, widths),
        notes=notes,
        breakdown=lines,
    )


def _nearest(setup: Replica, economics: Economics, rates: Mapping[str, Value]) -> str | None:
    """The nearest basis with a price, and what it gives, in words."""
    price = nearest_price(setup.hardware, economics)
    if price is None:
        return None
    paid = usd_known(price, rates["devices"], rates["power_w"])
    figures = figures_of({k: v for k, v in {**rates, **paid}.items() if k != "sigma"})
    usd, hour = figures["usd_per_million_tokens"], figures["usd_per_device_hour"]
    return nearest_words(price.origin, float(np.mean(hour)), usd)


def served(result: "SimulationResult") -> Prediction:
    """A simulated serving point, as the same figures that steps are predicted with."""
    return Prediction(
        hardware=result.hardware,
        model=result.model,
        engine=result.engine,
        precision=result.precision,
        kv_precision=result.kv_precision,
        devices=result.devices,
        phase="serve",
        figures=result.figures,
        intervals=result.intervals,
        notes=result.notes,
        breakdown=result.breakdown,
    )
