"""The way from a tier off the device to the device: data-sheet rates under measured laws."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from simulator.errors import InputError, nearest
from simulator.memory.tiers import MemorySystem, Tier
from simulator.roofline.device.device import Device
from simulator.roofline.laws.law import checked
from simulator.roofline.laws.lookup.constants import GatherCalibration
from simulator.roofline.laws.lookup.formula import gather_time_s
from simulator.roofline.off_device.traffic import (
    ContentionCalibration,
    CopyCalibration,
    FloatArray,
    HostLinkCalibration,
    copy_time_s,
    slowdown_beside_copy,
    slowdown_beside_gather,
)
from simulator.specs.calibration import Calibration
from simulator.specs.link_class import link_class

DRIVE_READS_IN_FLIGHT = 64
"""Requests that a reader keeps queued at a drive, so that latency is shared among them."""

_LOADS_IN_FLIGHT = 10
"""Cache misses that one host core keeps outstanding (line fill buffers of x86 cores)."""

_CORE_BYTES_PER_S = 7.88e9
"""What one host core copies from memory to memory: pageable copies to an H200."""


@dataclass(frozen=True)
class HostPath:
    """One tier off a device, and what it costs to bring bytes from there.

    Args:
        tier: where the bytes lie.
        link_bytes_per_s: what the link has left for this device, one direction.
        stream_bytes_per_s: the same, or less where the tier's own memory is slower.
        calibration: the laws' constants.
        device: whose memory the bytes go to.
    """

    tier: Tier
    link_bytes_per_s: float
    stream_bytes_per_s: float
    calibration: HostLinkCalibration
    device: Device

    def copy_s(
        self, nbytes: ArrayLike, *, copies: ArrayLike = 1.0, pinned: bool = True
    ) -> FloatArray:
        """Seconds that ``copies`` copies of ``nbytes`` each take, one after the other."""
        size = np.asarray(nbytes, dtype=np.float64)
        copy = self.calibration.copy
        one = copy_time_s(copy, size, self.link_bytes_per_s, pageable=not pinned)
        from_memory = np.where(size > 0, self.tier.latency_s + size / self._memory_bytes_per_s, 0.0)
        return np.asarray(copies, dtype=np.float64) * np.maximum(one, from_memory)

    def read_s(self, nbytes: ArrayLike) -> FloatArray:
        """Seconds in which kernels read ``nbytes`` in place, without a copy (zero-copy)."""
        size = np.asarray(nbytes, dtype=np.float64)
        share = self.calibration.host_gather.efficiency
        rate = min(share * self.link_bytes_per_s, self._memory_bytes_per_s)
        return np.where(size > 0, self.calibration.host_gather.latency_s + size / rate, 0.0)

    def gather_s(self, rows: ArrayLike, row_bytes: ArrayLike) -> FloatArray:
        """Seconds to gather random ``rows`` of ``row_bytes``; a drive gives whole blocks."""
        count = np.asarray(rows, dtype=np.float64)
        law = self.calibration.host_gather
        over_link = gather_time_s(law, count, row_bytes, self.link_bytes_per_s)
        granules = np.ceil(np.asarray(row_bytes, dtype=np.float64) / self.tier.granule_bytes)
        moved = count * granules * self.tier.granule_bytes
        waits = self.tier.latency_s * np.ceil(count / DRIVE_READS_IN_FLIGHT)
        if self.tier.name != "storage":
            waits = np.where(count > 0, self.tier.latency_s, 0.0)
        return np.maximum(over_link, waits + moved / self._memory_bytes_per_s)

    def collect_s(self, rows: ArrayLike, row_bytes: float, cores: int = 1) -> FloatArray:
        """Seconds in which host cores collect random ``rows`` and one copy brings them over.

        A core has some loads in flight, and moves bytes at the rate of its staging copies.
        """
        count = np.asarray(rows, dtype=np.float64)
        waits = self.tier.latency_s / _LOADS_IN_FLIGHT + row_bytes / _CORE_BYTES_PER_S
        return count * waits / cores + self.copy_s(count * row_bytes)

    @property
    def usable_bytes_per_s(self) -> float:
        """What a long copy reaches."""
        return min(
            self.calibration.copy.efficiency * self.link_bytes_per_s, self._memory_bytes_per_s
        )

    @property
    def copy_slowdown(self) -> float:
        """Factor by which kernels are slower while a copy runs beside them."""
        rate, own = self.usable_bytes_per_s, self.device.bandwidth_bytes_per_s
        return float(slowdown_beside_copy(self.calibration.contention, rate, own))

    def gather_slowdown(self, blocks: int) -> float:
        """The same while a gather kernel holds ``blocks`` of the device's units."""
        rate, own = self.usable_bytes_per_s, self.device.bandwidth_bytes_per_s
        contention, units = self.calibration.contention, self.device.units
        return float(slowdown_beside_gather(contention, rate, own, blocks, units))

    @property
    def _memory_bytes_per_s(self) -> float:
        return (
            self.stream_bytes_per_s if self.stream_bytes_per_s < self.link_bytes_per_s else np.inf
        )


def host_path(system: MemorySystem, place: str, device: Device, *, field: str) -> HostPath:
    """The path from tier ``place`` of ``system`` to ``device``.

    Raises:
        InputError: the device has no such tier, or no link to it.
    """
    tier = system.tier(place, field=field)
    link = system.links["host"] if "host" in system.links else next(iter(system.links.values()))
    return HostPath(
        tier=tier,
        link_bytes_per_s=link.left_bytes_per_s,
        stream_bytes_per_s=system.bandwidth_bytes_per_s(place),
        calibration=host_link(link.link_class, link.calibration, device.name),
        device=device,
    )


def host_link(name: str, own: Calibration | None, owner: str) -> HostLinkCalibration:
    """The laws of a link to the host: what ``owner`` measured, laid over those of class ``name``.

    Raises:
        InputError: a part or constant that no law of such a link knows.
    """
    constants = {
        part: {name: float(value) for name, value in found.items()}
        for part, found in link_class(name, "host_link_classes").constants.items()
    }
    field = "links.host.calibration.constants"
    for part, found in (own.constants if own is not None else {}).items():
        if part not in constants:
            raise InputError(
                "unknown part of a link to the host",
                file=owner,
                field=f"{field}.{part}",
                remedy=nearest(part, constants),
            )
        constants[part] |= {name: float(value) for name, value in found.items()}
    return HostLinkCalibration(
        copy=checked(CopyCalibration, constants["copy"], owner, f"{field}.copy"),
        host_gather=checked(
            GatherCalibration, constants["host_gather"], owner, f"{field}.host_gather"
        ),
        contention=checked(
            ContentionCalibration, constants["contention"], owner, f"{field}.contention"
        ),
    )
