"""What a power cap does to a step: throughput and joules a token against watts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.graph.step_shape import StepShape
from simulator.roofline.step.capped import capped
from simulator.roofline.step.sram import SramStepModel
from simulator.simulate.cluster import resolve
from simulator.simulate.point import MOST_REPORTED, Chunks
from simulator.simulate.predict import stepping
from simulator.simulate.replica import Replica
from simulator.specs.scenario import Scenario
from simulator.specs.workload import DecodeStep, Prefill
from simulator.units import humane

FloatArray = NDArray[np.float64]

SHARES = np.arange(1.0, 0.299, -0.05)
"""Caps that are tried where none are given, as shares of the power limit."""


@dataclass(frozen=True, slots=True)
class PowerCaps:
    """A step under caps on the power of each device, the highest first.

    Args:
        title: what is run, in words.
        phase: decode, counted by output tokens, or prefill, counted by input tokens.
        caps_w, power_w: caps, and what one device then draws.
        clock: fractions of the full clock, on average.
        tokens_per_s: of all devices.
        joules_per_token: of all devices.
        is_kept: where the lowest clock keeps the cap.
        limit_w: what the device itself holds; a cap above that changes nothing.
    """

    title: str
    phase: str
    devices: int
    caps_w: FloatArray
    power_w: FloatArray
    clock: FloatArray
    tokens_per_s: FloatArray
    joules_per_token: FloatArray
    is_kept: NDArray[np.bool_]
    limit_w: float

    @property
    def best(self) -> int:
        """The index of the cap of least joules a token, the highest of those that tie."""
        joules = np.where(self.is_kept, self.joules_per_token, np.inf)
        return int(np.argmax(joules <= joules.min() * (1.0 + 1e-9)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        found = {
            name: getattr(self, name).tolist()
            for name in ("caps_w", "power_w", "clock", "tokens_per_s", "joules_per_token")
        }
        return {
            "title": self.title,
            "phase": self.phase,
            "devices": self.devices,
            **found,
            "is_kept": self.is_kept.tolist(),
            "limit_w": self.limit_w,
            "least_joules_cap_w": float(self.caps_w[self.best]),
        }


def power_caps(scenario: Scenario, caps_w: Sequence[float] = ()) -> PowerCaps:
    """The step of ``scenario`` under each cap, or under shares of the device's power limit.

    Raises:
        InputError: no step is asked for, caps that no device can keep, or one that has no clock to
            lower.
    """
    point = scenario.workload
    if not isinstance(point, DecodeStep | Prefill):
        raise InputError(
            "power caps are tried on one step",
            field="workload.kind",
            remedy="ask for phase decode or prefill",
        )
    replica = stepping(resolve(scenario), point)
    if replica.speculating is not None:
        raise InputError(
            "power caps are tried on steps without drafts",
            field="deployment.speculation",
            remedy="leave it out",
        )
    model, power = replica.step_model, replica.device.power
    if isinstance(model, SramStepModel):
        raise InputError(
            f"{replica.device.name} has no clock that its power would lower", field="hardware"
        )
    caps = np.array(sorted(caps_w, reverse=True) if caps_w else SHARES * power.limit_w, float)
    if not np.all(caps > power.idle_w):
        raise InputError(
            f"a cap of {humane(float(caps.min()), 'W')} is not above the {power.idle_w:g} W that "
            f"{replica.device.name} draws idle",
            field="caps",
            remedy=f"give caps above {humane(power.idle_w, 'W')}",
        )
    shapes, often, tokens = _steps(replica, point)
    steps = [capped(model, shape, np.minimum(caps, power.limit_w)) for shape in shapes]
    time_s = sum((step.time_s for step in steps), start=np.zeros(caps.shape))
    energy_j = sum((step.time_s * step.power_w for step in steps), start=np.zeros(caps.shape))
    clock = sum((step.time_s * step.clock for step in steps), start=np.zeros(caps.shape)) / time_s
    devices = replica.deployment.total_devices
    rate = point.batch * tokens / (often * time_s)
    return PowerCaps(
        title=f"{point.kind} of {replica.model.title} {replica.precision} on "
        f"{f'{devices} × ' if devices > 1 else ''}{replica.device.title}, batch {point.batch:,}, "
        f"context {point.context:,}",
        phase=point.kind,
        devices=devices,
        caps_w=caps,
        power_w=energy_j / time_s,
        clock=clock,
        tokens_per_s=rate,
        joules_per_token=energy_j / time_s * devices / rate,
        is_kept=np.all([step.is_kept for step in steps], axis=0),
        limit_w=power.limit_w,
    )


def _steps(replica: Replica, point: DecodeStep | Prefill) -> tuple[list[StepShape], float, float]:
    """The steps of a point, how often a replica goes through them, and tokens of a sequence."""
    per_replica = np.ceil(np.array(point.batch / replica.deployment.replicas))
    context = np.array(float(point.context))
    if isinstance(point, DecodeStep):
        return [StepShape.decode(per_replica, context)], 1.0, 1.0
    chunks = Chunks.of(replica, per_replica, context)
    chunks.check(replica, MOST_REPORTED)
    shapes = [chunks.steps(np.array(number)) for number in range(chunks.most)]
    return shapes, float(chunks.rounds), float(point.context)


def draw(found: PowerCaps, folder: Path) -> list[Path]:
    """Write the chart into ``folder``; returns the files."""
    from simulator.report.charts.power_caps import power_caps as chart
    from simulator.report.write import images, write_files

    kept = found.is_kept
    caps = found.caps_w[kept]
    figure = chart(
        found.title,
        caps,
        found.tokens_per_s[kept],
        found.joules_per_token[kept],
        int(np.flatnonzero(caps == found.caps_w[found.best])[0]),
    )
    return write_files(images("power-caps", figure, "Throughput and energy by power cap"), folder)
