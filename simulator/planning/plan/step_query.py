"""Which devices of the catalogue take a step fast enough, within so many watts.

Every device is asked alone, or at the degrees of tp that the plan names. Where none keeps all
limits, the answer is none, and the nearest: the one that misses them by the smallest factor.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from simulator.errors import InputError
from simulator.simulate.predict import answer
from simulator.specs import catalogue
from simulator.specs.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Stepped:
    """One device and its step.

    Args:
        hardware, title: the device, by its name and for people.
        devices: how many of them hold the model.
        tpot_s: seconds of a token of each sequence.
        power_w: of all of them.
        usd_per_hour: of all of them; None without a price.
        missed: the largest factor by which a limit is missed; at most 1 where all are kept.
        by: which limit that is.
    """

    hardware: str
    title: str
    devices: int
    tpot_s: float
    power_w: float
    usd_per_hour: float | None
    missed: float
    by: str


@dataclass(frozen=True)
class StepQuery:
    """What the catalogue answers.

    Args:
        kept: devices that keep every limit, the least watts (or dollars, or devices) first.
        missed: those that do not, the nearest first.
        refused: those that cannot run it, with the reason.
    """

    scenario: Scenario
    kept: tuple[Stepped, ...]
    missed: tuple[Stepped, ...]
    refused: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "scenario": self.scenario.name,
            "kept": [asdict(one) for one in self.kept],
            "missed": [asdict(one) for one in self.missed],
            "refused": self.refused,
        }


def step_query(scenario: Scenario) -> StepQuery:
    """Ask every device that the plan names, or all of the catalogue, for the scenario's step.

    Raises:
        InputError: traffic instead of a step, a limit on first tokens, or unknown hardware.
    """
    if not scenario.is_step:
        raise InputError("asks for traffic, not for a step", field="workload.kind")
    for name in ("ttft", "e2e"):
        if getattr(scenario.objectives, name) is not None:
            raise InputError(
                f"a step has no {name}", field=f"objectives.{name}", remedy="give tpot instead"
            )
    plan = scenario.plan
    devices = {name: catalogue.hardware(name) for name in plan.hardware}
    devices = devices or {device.name: device for device in catalogue.all_hardware()}
    found: list[Stepped] = []
    refused: dict[str, str] = {}
    for name, device in devices.items():
        for tp in plan.tp or (scenario.deployment.tp,):
            deployment = scenario.deployment.model_copy(update={"tp": tp, "devices": None})
            asked = scenario.on(name).model_copy(update={"deployment": deployment})
            try:
                found.extend(_stepped(asked, name, device.title))
            except InputError as error:
                refused[name] = error.problem
    least = {
        "usd": lambda one: (one.usd_per_hour is None, one.usd_per_hour or 0.0, one.power_w),
        "devices": lambda one: (one.devices, one.power_w),
        "watts": lambda one: (one.power_w,),
    }[plan.least]
    kept = sorted((one for one in found if one.missed <= 1.0), key=least)
    missed = sorted((one for one in found if one.missed > 1.0), key=lambda one: one.missed)
    return StepQuery(scenario, tuple(kept), tuple(missed), refused)


def _stepped(asked: Scenario, name: str, title: str) -> Iterator[Stepped]:
    step, plan = answer(asked), asked.plan
    figures = step.figures
    tpot_s = float(figures["tpot_s"])
    power_w, hour = float(figures["power_w"]), figures.get("usd_per_device_hour")
    devices = asked.deployment.total_devices
    limits = {
        "pace": (tpot_s, asked.objectives.tpot),
        "power": (power_w, plan.max_watts),
        "devices": (float(devices), plan.max_devices),
    }
    factors = {by: value / limit for by, (value, limit) in limits.items() if limit is not None}
    by = max(factors, key=lambda key: factors[key]) if factors else ""
    yield Stepped(
        name,
        title,
        devices,
        tpot_s,
        power_w,
        None if hour is None else float(hour) * devices,
        factors.get(by, 0.0),
        by,
    )
