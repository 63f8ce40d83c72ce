"""Watts and joules of work on one device, and how a power limit stretches its time.

A device draws its idle power all the time, and every FLOP and byte costs energy on top. The energy
of work falls with the core clock, because a lower clock runs at a lower voltage (dynamic energy
goes as voltage squared). When the average power would pass the limit, the device lowers the clock
until it does not: work bound by the clock takes longer, work bound by memory does not.

    watts(c) = idle + (active * c^(k+1) * busy(c) + c^k * work_energy) / time(c),    0 < c <= 1
    busy(c)  = busy + clock_bound * (1/c - 1),    time(c) = busy(c) + gap
    work_energy = FLOP * J/FLOP + bytes * J/byte, each at full clock

On one H200 this law, with k = 1.6, gives watts and clock of twelve sustained loads, from pure
reading to pure bf16 and fp8 matrix products, within a few per cent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.roofline.laws.power.constants import PowerShares

FloatArray = NDArray[np.float64]

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
    joules_per_link_byte: float = 10e-12
    joules_per_host_byte: float = 50e-12
    clock_exponent: float = 1.6
    lowest_clock: float = 0.15

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


@dataclass(frozen=True, slots=True)
class Work:
    """What steps do: times in seconds at full clock, counts per step; arrays broadcast together.

    ``busy_s`` is the time kernels run, ``clock_bound_s`` the part of it that a slower clock would
    stretch (all of a compute-bound kernel, none of a memory-bound one), ``gap_s`` the time the
    device waits for its host, at idle power. ``flops`` is keyed by datatype.
    """

    busy_s: ArrayLike
    clock_bound_s: ArrayLike
    flops: Mapping[str, ArrayLike]
    hbm_bytes: ArrayLike
    link_bytes: ArrayLike = 0.0
    host_bytes: ArrayLike = 0.0
    gap_s: ArrayLike = 0.0


@dataclass(frozen=True, slots=True)
class PowerResult:
    """Energy (J), mean power (W), time after stretching (s) and clock (fraction of full)."""

    energy_j: FloatArray
    watts: FloatArray
    time_s: FloatArray
    clock: FloatArray


def power_calibration(
    shares: PowerShares,
    rated_w: float,
    peak_flops: Mapping[str, float],
    hbm_bytes_per_s: float,
    limit_w: float | None = None,
) -> PowerCalibration:
    """Turn shares of the rated power into the constants of one device.

    ``rated_w`` is the TDP, ``peak_flops`` the data sheet's dense peaks by datatype and
    ``hbm_bytes_per_s`` its bandwidth. ``limit_w`` is the configured power limit; by default the
    rated power. A controller holds the mean a little below the limit (``sustained_limit``).
    """
    compute_w = shares.compute * rated_w
    return PowerCalibration(
        limit_w=shares.sustained_limit * (rated_w if limit_w is None else limit_w),
        idle_w=shares.idle * rated_w,
        active_w=shares.active * rated_w,
        joules_per_flop={name: compute_w / peak for name, peak in peak_flops.items()},
        joules_per_hbm_byte=shares.memory * rated_w / hbm_bytes_per_s,
        joules_per_link_byte=shares.joules_per_link_byte,
        joules_per_host_byte=shares.joules_per_host_byte,
        clock_exponent=shares.clock_exponent,
        lowest_clock=shares.lowest_clock,
    )


def work_energy_j(calibration: PowerCalibration, work: Work) -> FloatArray:
    """Energy of the FLOPs and bytes at full clock, without idle and active power.

    Raises ``KeyError`` for a datatype whose energy per FLOP is not known.
    """
    energy = np.asarray(work.hbm_bytes, dtype=np.float64) * calibration.joules_per_hbm_byte
    energy = energy + np.asarray(work.link_bytes) * calibration.joules_per_link_byte
    energy = energy + np.asarray(work.host_bytes) * calibration.joules_per_host_byte
    for datatype, flops in work.flops.items():
        energy = energy + np.asarray(flops) * calibration.joules_per_flop[datatype]
    return energy


def power_and_time(calibration: PowerCalibration, work: Work) -> PowerResult:
    """Energy, watts and stretched time of steps whose times hold at full clock.

    The clock is the highest that keeps the mean power within the limit; watts can only pass the
    limit where even ``lowest_clock`` does not help. Energy is watts times time, exactly.
    """
    return _at_limit(calibration, *_arrays(calibration, work))


def power_at_measured_time(
    calibration: PowerCalibration, work: Work, measured_limit_w: float | None = None
) -> PowerResult:
    """The same for times measured on a device that held ``measured_limit_w`` itself.

    Times of a sustained benchmark already contain the throttling of that device. The clock it
    must have had follows from its power; the times are taken back to full clock and then
    stretched for ``calibration.limit_w``. At the same limit (the default) the time is unchanged.
    """
    limit = calibration.limit_w if measured_limit_w is None else measured_limit_w
    energy, busy, bound, gap = _arrays(calibration, work)
    k = calibration.clock_exponent
    room_j = (limit - calibration.idle_w) * (busy + gap)
    active_j = calibration.active_w * busy

    def too_much(clock: FloatArray) -> NDArray[np.bool_]:
        return clock**k * (active_j * clock + energy) > room_j

    clock = _highest_clock(too_much, room_j, calibration.lowest_clock)
    return _at_limit(calibration, energy, busy - bound * (1 - clock), bound * clock, gap)


def _at_limit(
    calibration: PowerCalibration,
    energy: FloatArray,
    busy: FloatArray,
    bound: FloatArray,
    gap: FloatArray,
) -> PowerResult:
    k = calibration.clock_exponent

    def spent(clock: FloatArray) -> tuple[FloatArray, FloatArray]:
        running = busy + bound * (1 / clock - 1)
        dynamic = clock**k * (calibration.active_w * clock * running + energy)
        return dynamic, running + gap

    def too_much(clock: FloatArray) -> NDArray[np.bool_]:
        dynamic, time = spent(clock)
        return dynamic > (calibration.limit_w - calibration.idle_w) * time

    clock = _highest_clock(too_much, busy, calibration.lowest_clock)
    dynamic, time = spent(clock)
    energy_j = dynamic + calibration.idle_w * time
    watts = np.divide(energy_j, time, out=np.full_like(time, calibration.idle_w), where=time > 0)
    return PowerResult(energy_j=energy_j, watts=watts, time_s=time, clock=clock)


def _highest_clock(
    too_much: Callable[[FloatArray], NDArray[np.bool_]], like: FloatArray, lowest: float
) -> FloatArray:
    """Highest clock in [lowest, 1] that is not too much, by halving; power rises with clock."""
    high = np.ones_like(like)
    over = too_much(high)
    if not np.any(over):
        return high
    low = np.where(over, lowest, 1.0)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        above = too_much(middle)
        high = np.where(above, middle, high)
        low = np.where(above, low, middle)
    return low


def _arrays(
    calibration: PowerCalibration, work: Work
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    busy = np.asarray(work.busy_s, dtype=np.float64)
    bound = np.minimum(np.asarray(work.clock_bound_s, dtype=np.float64), busy)
    gap = np.asarray(work.gap_s, dtype=np.float64)
    energy, busy, bound, gap = np.broadcast_arrays(
        work_energy_j(calibration, work), busy, bound, gap
    )
    if any(np.any(values < 0) for values in (energy, busy, bound, gap)):
        raise ValueError("times, FLOPs and bytes must not be negative")
    return energy, busy, bound, gap
