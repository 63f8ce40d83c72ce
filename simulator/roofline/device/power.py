"""Watts and joules of work on one device at the times that its calibrated laws give.

A device draws its idle power all the time and more while a kernel runs, every FLOP and byte costs
energy on top, and a controller holds the mean at a limit:

    energy = min(idle · time + active · busy + work, limit · time)
    work   = FLOP · J/FLOP + bytes · J/byte, at full clock

Where the limit binds the device lowers its clock, and the energy of work falls with it, because a
lower clock runs at a lower voltage (dynamic energy goes as voltage squared). Measured times
contain that clock already; ``held_clock`` says which it was:

    idle · time + (active · clock · busy + work) · clock^k  =  limit · time

On one H200 this law, with k = 1.6, gives watts and clock of twelve sustained loads, from pure
reading to pure bf16 and fp8 matrix products, within a few per cent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.roofline.laws.power.constants import PowerShares

FloatArray = NDArray[np.float64]
NumberT = TypeVar("NumberT", FloatArray, float)

# Halvings of the clock's range: 2^-45 is far below any tolerance in use.
_HALVINGS = 45


@dataclass(frozen=True, slots=True)
class PowerCalibration:
    """The power law of one device in SI units, energies at full clock.

    ``active_w`` is drawn on top of idle while any kernel runs, ``clock_exponent`` is k in
    energy ~ clock^k, ``limit_w`` the average power that the device's controller really holds and
    ``lowest_clock`` the smallest fraction of the full clock that it may choose.
    """

    limit_w: float
    idle_w: float
    active_w: float
    joules_per_flop: Mapping[str, float]
    joules_per_hbm_byte: float
    joules_per_link_byte: float
    joules_per_host_byte: float
    clock_exponent: float
    lowest_clock: float

    def __post_init__(self) -> None:
        """Raise ``ValueError`` where a constant has no physical meaning."""
        energies = (*self.joules_per_flop.values(), self.joules_per_hbm_byte)
        links = (self.joules_per_link_byte, self.joules_per_host_byte)
        if min(self.idle_w, self.active_w, *energies, *links) < 0:
            raise ValueError("powers and energies must not be negative")
        if not self.limit_w > self.idle_w:
            raise ValueError(f"limit_w={self.limit_w} must be above idle_w={self.idle_w}")
        if not 0 < self.lowest_clock <= 1 or self.clock_exponent < 0:
            raise ValueError("lowest_clock must be in (0, 1] and clock_exponent at least 0")

    def work_j(
        self,
        flops: Mapping[str, FloatArray],
        memory_bytes: ArrayLike,
        link_bytes: ArrayLike = 0.0,
    ) -> FloatArray:
        """Joules of FLOPs (by datatype) and bytes at full clock, without idle and active power.

        Raises ``KeyError`` for a datatype whose energy per FLOP is not known.
        """
        energy = np.asarray(memory_bytes, dtype=np.float64) * self.joules_per_hbm_byte
        energy = energy + np.asarray(link_bytes) * self.joules_per_link_byte
        for datatype, done in flops.items():
            energy = energy + done * self.joules_per_flop[datatype]
        return energy

    def drawn_j(
        self,
        time_s: NumberT,
        busy_s: NumberT,
        work_j: NumberT,
        smaller: Callable[[Any, Any], Any] = np.minimum,
    ) -> NumberT:
        """Joules of a device in ``time_s``, of which kernels run for ``busy_s`` and do ``work_j``.

        ``smaller`` is numpy's minimum for arrays, the builtin for plain floats.
        """
        wanted_j = self.idle_w * time_s + (self.active_w * busy_s + work_j)
        held_j: NumberT = smaller(wanted_j, self.limit_w * time_s)
        return held_j


def power_calibration(
    shares: PowerShares,
    rated_w: float,
    peak_flops: Mapping[str, float],
    hbm_bytes_per_s: float,
    idle_w: float | None = None,
) -> PowerCalibration:
    """Turn shares of the rated power into the constants of one device.

    ``rated_w`` is the TDP, ``peak_flops`` the data sheet's dense peaks by datatype and
    ``hbm_bytes_per_s`` its bandwidth. A controller holds the mean a little below the rated power
    (``sustained_limit``). ``idle_w``: what the device is known to draw with no work, if it is; a
    running kernel then draws so much more that a busy device draws what it did.
    """
    compute_w = shares.compute * rated_w
    rest_w = shares.idle * rated_w if idle_w is None else idle_w
    busy_w = (shares.idle + shares.active) * rated_w
    return PowerCalibration(
        limit_w=shares.sustained_limit * rated_w,
        idle_w=rest_w,
        active_w=max(0.0, busy_w - rest_w),
        joules_per_flop={name: compute_w / peak for name, peak in peak_flops.items()},
        joules_per_hbm_byte=shares.memory * rated_w / hbm_bytes_per_s,
        joules_per_link_byte=shares.joules_per_link_byte,
        joules_per_host_byte=shares.joules_per_host_byte,
        clock_exponent=shares.clock_exponent,
        lowest_clock=shares.lowest_clock,
    )


def held_clock(
    power: PowerCalibration, time_s: ArrayLike, busy_s: ArrayLike, work_j: ArrayLike
) -> FloatArray:
    """Clock (of 1) that a device with a measured ``time_s`` must have had; see the module.

    1 for work that stays below the limit. Watts rise with the clock, so it is found by halving.
    """
    time, busy, work = (np.asarray(x, dtype=np.float64) for x in (time_s, busy_s, work_j))
    room_j = (power.limit_w - power.idle_w) * time

    def too_much(clock: FloatArray) -> NDArray[np.bool_]:
        held = clock**power.clock_exponent * (power.active_w * clock * busy + work) > room_j
        return np.asarray(held)

    high = np.ones(np.broadcast(time, busy, work).shape)
    low = np.where(too_much(high), power.lowest_clock, 1.0)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        above = too_much(middle)
        high = np.where(above, middle, high)
        low = np.where(above, low, middle)
    return low
