"""A step of a device whose power is capped below what it is calibrated at.

Where the cap binds, the device lowers its clock c: compute-bound kernels stretch, and what they
draw falls with the voltage (see ``device.power``). Memory keeps its own clock, and so its energy,
until the device asks for bytes too slowly:

    time(c)   = time + compute · (c0 / c − 1) + reading · (max(1, cm / c) − max(1, cm / c0))
    energy(c) = idle · time(c) + memory + (active · c · busy(c) + work − memory / c0^k) · c^k

c0 is the clock that the calibrated time already contains, and energy(c0) that of the power law. The
clock is the highest whose mean power keeps the cap. No measurement of a capped device was at hand
to hold this against: answers below some two thirds of the limit are the least sure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.graph.step_shape import StepShape
from simulator.roofline.device.power import held_clock
from simulator.roofline.laws.load import FloatArray, Load
from simulator.roofline.step.step import StepModel

_HALVINGS = 45
"""Halvings of the clock's range: 2^-45 is far below any tolerance in use."""

MEMORY_CLOCK = 0.6
"""Clock, of 1, below which memory is asked too slowly for its rate (cm): on an H100 the cache gives
5.5 to 6 TB/s at full clock (Chips and Cheese, Nvidia's H100, 2023-07) and memory 3.35 TB/s."""

MEMORY_J_PER_BYTE = 8 * 3.92e-12
"""What memory itself takes, at its own clock: HBM2 (O'Connor et al., Fine-Grained DRAM, MICRO
2017)."""


@dataclass(frozen=True, slots=True)
class Capped:
    """One step under each of several caps: arrays of shape (caps,).

    ``clock`` is a fraction of the full one; ``is_kept`` tells where the lowest clock keeps the cap.
    """

    time_s: FloatArray
    power_w: FloatArray
    clock: FloatArray
    is_kept: NDArray[np.bool_]


def capped(model: StepModel, shape: StepShape, caps_w: FloatArray) -> Capped:
    """The step of ``shape`` (one) on one device under each of ``caps_w``."""
    power = model.device.power
    runs = model.runs(shape)
    parts = [part for _, found in model.loads_of(runs) for part in found]
    turns = runs[0][0].turns
    of_one = float(turns.passes * turns.halves / model.graph.layout.pp)
    once_s, once_j = (float(total) for total in model.totals(parts, runs[0][0].attending)[:2])
    time_s = float(model.times(shape)[0])
    busy_s, work_j = once_s * of_one, once_j * of_one
    moved = sum(float(np.sum(part.memory_bytes)) for part in parts) * of_one
    compute_s, reading_s = (_bound(parts, bound) * of_one for bound in ("compute", "memory"))
    rated = float(held_clock(power, time_s, busy_s, work_j))
    scale = rated**power.clock_exponent
    memory_j = min(moved * MEMORY_J_PER_BYTE, work_j * scale)

    def at(clock: FloatArray) -> tuple[FloatArray, FloatArray]:
        slower = np.maximum(1.0, MEMORY_CLOCK / clock) - max(1.0, MEMORY_CLOCK / rated)
        later_s = compute_s * (rated / clock - 1.0) + reading_s * slower
        lasts_s = time_s + later_s
        active_j = power.active_w * clock * (busy_s + later_s) + work_j - memory_j / scale
        joules = power.idle_w * lasts_s + memory_j + active_j * clock**power.clock_exponent
        return lasts_s, joules / lasts_s

    low = np.full(caps_w.shape, min(power.lowest_clock, rated))
    is_kept = at(low)[1] <= caps_w * (1.0 + 1e-12)
    high = np.full(caps_w.shape, rated)
    is_free = at(high)[1] <= caps_w * (1.0 + 1e-12)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        above = at(middle)[1] > caps_w
        high, low = np.where(above, middle, high), np.where(above, low, middle)
    clock = np.where(is_free, rated, low)
    lasts_s, watts = at(clock)
    return Capped(lasts_s, watts, clock, is_kept)


def _bound(parts: Sequence[Load], bound: str) -> float:
    """Seconds of what one resource binds."""
    return sum(float(np.sum(np.where(p.bound == bound, p.time_s, 0.0))) for p in parts)
