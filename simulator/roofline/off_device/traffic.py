"""Time of traffic between host memory, device memory and the device's cores.

Copies by the copy engine, gathers of small rows by a kernel, and what a running kernel loses while
such traffic goes on beside it. The shape of every law was
found on one H200 on PCIe 5 x16; constants that scale with the link are fractions of its data
sheet bandwidth (one direction), so that they carry over to other links.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.roofline.laws.lookup.constants import GatherCalibration

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CopyCalibration:
    """Copies by the copy engine over a host link.

    ``floor_s`` is what the smallest copy takes, ``overhead_s`` what each copy adds to its bytes,
    ``efficiency`` the payload share of the link's bandwidth, ``duplex_efficiency`` the share of
    it that each direction keeps while both are busy. Pageable memory goes through a staging copy
    by one core of the host, at ``pageable_bytes_per_s`` whatever the link.
    """

    efficiency: float
    floor_s: float
    overhead_s: float
    duplex_efficiency: float
    pageable_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class ContentionCalibration:
    """What a kernel loses to traffic beside it.

    A byte that a link brings costs the kernel as much time as ``copy_interference`` bytes of its
    own memory traffic. A gather kernel in addition takes cores: ``core_interference`` is the
    share of the loss in cores that the running kernel feels.
    """

    copy_interference: float
    core_interference: float


@dataclass(frozen=True, slots=True)
class HostLinkCalibration:
    """Everything that is calibrated about one device's host link."""

    copy: CopyCalibration
    host_gather: GatherCalibration
    contention: ContentionCalibration


def copy_time_s(
    calibration: CopyCalibration,
    nbytes: ArrayLike,
    link_bytes_per_s: ArrayLike,
    *,
    both_ways: bool = False,
    pageable: bool = False,
) -> FloatArray:
    """Seconds that one copy of ``nbytes`` takes, one direction, alone on the link.

    With ``both_ways`` another copy runs in the opposite direction for all of that time. No bytes
    take no time. ``link_bytes_per_s`` is the data sheet's bandwidth of one direction.
    """
    size = np.asarray(nbytes, dtype=np.float64)
    rate = calibration.efficiency * np.asarray(link_bytes_per_s, dtype=np.float64)
    if both_ways:
        rate = rate * calibration.duplex_efficiency
    if pageable:
        rate = np.minimum(rate, calibration.pageable_bytes_per_s)
    time = np.maximum(calibration.floor_s, calibration.overhead_s + size / rate)
    return np.where(size > 0, time, 0.0)


def slowdown_beside_copy(
    calibration: ContentionCalibration,
    copy_bytes_per_s: ArrayLike,
    hbm_bytes_per_s: ArrayLike,
) -> FloatArray:
    """Factor (at least 1) by which a kernel's time grows while a copy runs beside it."""
    share = np.asarray(copy_bytes_per_s, dtype=np.float64) / np.asarray(
        hbm_bytes_per_s, dtype=np.float64
    )
    return 1.0 + calibration.copy_interference * share


def slowdown_beside_gather(
    calibration: ContentionCalibration,
    gather_bytes_per_s: ArrayLike,
    hbm_bytes_per_s: ArrayLike,
    blocks: ArrayLike,
    units: ArrayLike,
) -> FloatArray:
    """The same while a gather kernel of ``blocks`` thread blocks holds cores of ``units``."""
    held: FloatArray = np.asarray(blocks, dtype=np.float64) / np.asarray(units, dtype=np.float64)
    lost = np.minimum(held, 0.99)
    beside_copy = slowdown_beside_copy(calibration, gather_bytes_per_s, hbm_bytes_per_s)
    return beside_copy + calibration.core_interference * lost / (1.0 - lost)


def time_beside_traffic_s(
    alone_s: ArrayLike, traffic_s: ArrayLike, slowdown: ArrayLike
) -> FloatArray:
    """Seconds that a kernel takes when traffic of ``traffic_s`` starts together with it.

    The kernel is slower by the factor ``slowdown`` until the traffic ends and then runs on at its
    own pace, so a long kernel loses no more than a short copy can cost it.
    """
    alone = np.asarray(alone_s, dtype=np.float64)
    factor = np.asarray(slowdown, dtype=np.float64)
    return np.minimum(alone * factor, alone + np.asarray(traffic_s) * (1.0 - 1.0 / factor))
