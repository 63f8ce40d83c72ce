"""KV cache on its way: loading what a far tier holds, beside the layers that wait for it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from simulator.memory.tiers import MemorySystem
from simulator.roofline.device.device import Device
from simulator.roofline.off_device.host_path import host_path
from simulator.roofline.off_device.traffic import FloatArray
from simulator.specs.offload import CacheOffload


@dataclass(frozen=True, slots=True)
class Reload:
    """What to do with cached tokens off the device, and what a step waits for them.

    ``exposed_s`` is beyond the step's own compute: the part of a load that layers do not hide,
    or the time to compute the tokens again.
    """

    load_s: FloatArray
    exposed_s: FloatArray
    loads: np.ndarray


def load_s(
    system: MemorySystem, device: Device, place: str, nbytes: ArrayLike, settings: CacheOffload
) -> FloatArray:
    """Seconds to bring ``nbytes`` (as used) of cache from tier ``place``, expanding them.

    Compressed bytes cross the link; expanding runs beside it, so the slower of the two counts.

    Raises:
        InputError: the device has no such tier.
    """
    size = np.asarray(nbytes, dtype=np.float64)
    path = host_path(system, place, device, field=f"offload.kv.{place}")
    moved_s = path.copy_s(size * settings.bytes_share)
    if settings.codec_bandwidth is None:
        return moved_s
    return np.maximum(moved_s, size / settings.codec_bandwidth)


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


def beside_layers_s(
    loading_s: ArrayLike, compute_s: ArrayLike, layers: int, *, by_layer: bool = True
) -> FloatArray:
    """Seconds from the start of a load to the end of the compute that needs it.

    By layer, a layer starts when its own part has come and the layer before is done: with equal
    layers that is the longer of the two chains plus one layer of the other. Otherwise compute
    starts when everything is there.
    """
    load = np.asarray(loading_s, dtype=np.float64)
    compute = np.asarray(compute_s, dtype=np.float64)
    if not by_layer:
        return load + compute
    return np.maximum(load + compute / layers, compute + load / layers)


def reload(
    loading_s: ArrayLike,
    recompute_s: ArrayLike,
    compute_s: ArrayLike,
    layers: int,
    settings: CacheOffload,
) -> Reload:
    """Load cached tokens or compute them again, as ``settings`` say.

    Args:
        loading_s: see ``load_s``.
        recompute_s: prefill of the cached tokens, had they not been cached.
        compute_s: prefill of the tokens behind them.
    """
    load, again = np.asarray(loading_s, np.float64), np.asarray(recompute_s, np.float64)
    compute = np.asarray(compute_s, dtype=np.float64)
    waiting = beside_layers_s(load, compute, layers, by_layer=settings.by_layer) - compute
    if settings.reload == "quicker":
        loads = waiting <= again
    else:
        loads = np.full(np.broadcast(waiting, again).shape, settings.reload == "always")
    return Reload(load, np.where(loads, waiting, again), loads)
