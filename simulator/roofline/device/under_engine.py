"""A device as a serving engine's own kernels use it."""

from collections.abc import Mapping
from dataclasses import replace

from simulator.roofline.device.device import Device
from simulator.roofline.device.links import menus_of
from simulator.roofline.laws.collective.constants import LINK
from simulator.specs.engine_profile import EngineProfile
from simulator.specs.hardware import DeviceClass
from simulator.specs.quantity import Quantity

_COMPUTE = frozenset({"peak_fraction", "burst_fraction", "matrix_fraction"})
_MEMORY = frozenset({"bandwidth_fraction", "row_fraction"})
_STARTS = frozenset({"start_s", "launch_s", "latency_s", "kernel_s", "routing_s"})
_SHARED = ("matmul", "experts", "attention")


def under_engine(device: Device, profile: EngineProfile) -> Device:
    """``device`` with the engine's kernels, and the shares of its calibrated rates they reach.

    A device's calibration tells what the best known kernels reach; an engine with kernels of
    its own reaches a share of that, which differs by class of device and not by device.
    """
    compute = share_of(profile.compute_share, device)
    memory = share_of(profile.bandwidth_share, device)
    families = profile.kernels if device.runs_gpu_kernels else {}
    limit = profile.bandwidth_limit
    most = 1.0 if limit is None else min(1.0, float(limit) / device.bandwidth_bytes_per_s)
    shares = {str(law): float(share) for law, share in profile.start_share.items()}
    near = device.scale_up
    menus = menus_of(profile, "" if near is None else near.link_class)
    book = device.book.with_law(replace(device.book.law(LINK), kernels=menus))
    if compute == memory == most == 1.0 and not families and not shares:
        return replace(device, book=book)
    constants = {
        law: _scaled(found, compute, memory, most) if law.split(".")[0] in _SHARED else found
        for law, found in device.book.constants.items()
    }
    constants = {
        law: _started(found, shares.get(law.split(".")[0], 1.0)) for law, found in constants.items()
    }
    return replace(device, book=book.changed(constants, families))


def share_of(
    by_class: Mapping[DeviceClass, Quantity], device: Device, absent: float = 1.0
) -> float:
    """What a profile's table says of the device's class, or ``absent``."""
    return next((float(v) for c, v in by_class.items() if c == device.device_class), absent)


def _scaled(
    constants: Mapping[str, float], compute: float, memory: float, most: float
) -> dict[str, float]:
    scaled = dict(constants)
    for name, value in constants.items():
        if name in _COMPUTE:
            scaled[name] = min(1.0, value * compute)
        elif name in _MEMORY:
            scaled[name] = min(most, value * memory)
    return scaled


def _started(constants: Mapping[str, float], share: float) -> Mapping[str, float]:
    if share == 1.0:
        return constants
    return {name: v * share if name in _STARTS else v for name, v in constants.items()}
