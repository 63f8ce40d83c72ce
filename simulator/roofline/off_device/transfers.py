"""KV cache on its way from a far tier: what a load takes."""

from dataclasses import dataclass

import numpy as np

from simulator.memory.tiers import MemorySystem
from simulator.roofline.device.device import Device
from simulator.roofline.off_device.host_path import host_path


@dataclass(frozen=True, slots=True)
class Channel:
    """A way for cache entries as a line: so long until the first byte, and so many a second."""

    latency_s: float
    bytes_per_s: float

    def seconds(self, nbytes: float) -> float:
        """Time that ``nbytes`` take, alone."""
        return self.latency_s + nbytes / self.bytes_per_s if nbytes > 0 else 0.0


def channel(system: MemorySystem, device: Device, place: str) -> Channel:
    """The way of stored bytes from tier ``place`` to the device.

    Raises:
        InputError: the device has no such tier.
    """
    tier = system.tier(place, field=f"offload.kv.{place}")
    if not system.links:
        # One memory for all processors: what comes from the drive is where it is needed.
        return Channel(tier.latency_s, tier.bandwidth_bytes_per_s)
    path = host_path(system, place, device, field=f"offload.kv.{place}")
    first_s, one_s, two_s = path.copy_s(np.array([1.0, 1e10, 2e10]))
    return Channel(float(first_s), float(1e10 / (two_s - one_s)))
