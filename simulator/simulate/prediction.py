"""The answer of ``predict``: one engine step or one serving point, or many at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from simulator.economics.cost import device_price, usd_per_second
from simulator.roofline.laws.power.constants import POWER
from simulator.serving.outcome.metrics import ServingMetrics
from simulator.simulate.answer import Answer
from simulator.simulate.figures import COLUMNS, Figure, figures_of
from simulator.simulate.setup import Setup
from simulator.simulate.uncertainty import interval, intervals
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


def prediction(
    setup: Setup,
    economics: Economics,
    phase: str,
    given: Mapping[str, Any],
    sigma: float | NDArray[np.float64],
    *,
    metrics: ServingMetrics | None = None,
    slower_sigma: float | None = None,
) -> Prediction:
    """What ``setup`` does in ``phase``: ``given`` figures and all that follow from them.

    ``given`` holds at least ``power_w`` (of all devices), the token rates that apply, and
    ``prefill_share``; numbers, or arrays of one shape. ``sigma`` is the relative error of the
    step time, ``slower_sigma`` that of TTFT where queueing makes it larger.
    """
    devices = setup.deployment.total_devices
    price = device_price(setup.hardware, economics)
    usd = None if price is None else usd_per_second(price, devices, given["power_w"], economics)
    known = {"input_tokens_per_s": 0.0, **given, "devices": devices, "usd_per_s": usd}
    figures = figures_of(known, metrics)
    spread = intervals(figures, sigma, setup.device.book.law(POWER).residual)
    if slower_sigma is not None and figures.get("ttft_s") is not None:
        spread["ttft_s"] = interval(figures["ttft_s"], slower_sigma)
    notes = setup.notes
    if price is None:
        notes = (*notes, f"nobody has published a price of {setup.hardware.name}")
    return Prediction(
        hardware=setup.device.name,
        model=setup.model.name,
        engine=setup.deployment.engine,
        precision=setup.precision,
        kv_precision=setup.kv_precision,
        devices=devices,
        phase=phase,
        figures=figures,
        intervals=spread,
        notes=notes,
    )
