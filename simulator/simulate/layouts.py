"""A deployment's layout on its devices: what it asks of model and links, and what would fit."""

from collections.abc import Iterator

import numpy as np

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.graph.parallel import Layout, check_layout
from simulator.memory.kvcache import memory_budget
from simulator.roofline.device.device import Device
from simulator.specs.deployment import Deployment
from simulator.specs.engine_profile import EngineProfile
from simulator.specs.model import Model
from simulator.specs.parallelism import MOST_DEVICES, Parallelism
from simulator.units import humane

SUGGESTED_DEVICES = (1, 2, 4, 8, 16, 32, 64, 72, 128, 256)
"""Devices of one replica, as people lay them out."""
_LAYOUTS_SHOWN = 3
_NODE = 8


def layout_of(deployment: Deployment, profile: EngineProfile) -> Layout:
    """The layout of one replica, with the engine's own ways where the user leaves them open."""
    within_node = deployment.stage_devices <= _NODE
    exchange = profile.expert_exchange if within_node else None
    written = {name: getattr(deployment, name) for name in Parallelism.model_fields}
    return Layout(
        **written | {"expert_exchange": deployment.expert_exchange or exchange},
        fused_all_reduce=profile.fused_all_reduce,
        balanced_prefill=profile.balanced_prefill,
    )


def linked_devices(device: Device) -> int:
    """How many devices the links of ``device`` join, all levels together."""
    return int(np.prod([float(link.fabric.devices) for link in device.levels], initial=1.0))


def check_links(model: Model, device: Device, layout: Layout) -> None:
    """Refuse a replica that is larger than what its links join.

    Raises:
        InputError: names the domain, and the nearest layouts inside it.
    """
    joined, needed = linked_devices(device), layout.devices_per_replica
    if needed <= joined:
        return
    if joined == 1:
        raise InputError(
            f"{device.name} has no link to other devices, and {layout} needs {needed}",
            field="tp",
            remedy="use one device for each replica, and replicas (or devices) for more",
        )
    inside = list(candidates(model, joined))[-_LAYOUTS_SHOWN:]
    shown = "; ".join(str(found) for found in inside)
    raise InputError(
        f"{layout} needs {needed} devices in one replica, but {device.name} joins "
        f"{joined} and has no scale-out link",
        field="tp",
        remedy=f"the nearest that it joins: {shown}; more devices go into replicas",
    )


def advice(
    model: Model,
    device: Device,
    profile: EngineProfile,
    layout: Layout,
    precision: str,
    kv_precision: str | None,
    fraction: float,
) -> str:
    """What would fit in place of a layout that does not: devices, bits, or memory."""

    def fits(candidate: Layout, weights: str) -> bool:
        graph = build(model, candidate, weights, kv_precision)
        reserve = min(profile.reserve_bytes(device.memory_bytes), 0.1 * device.memory_bytes)
        budget = memory_budget(graph, device.memory_bytes, fraction, profile.memory_rule, reserve)
        return budget.cache > 0.02 * device.memory_bytes

    ideas = []
    for candidate in candidates(model, min(linked_devices(device), SUGGESTED_DEVICES[-1])):
        if candidate.devices_per_replica > layout.devices_per_replica and fits(
            candidate, precision
        ):
            ideas.append(str(candidate))
            if len(ideas) == _LAYOUTS_SHOWN:
                break
    for name in ("fp8", "w4a16"):
        if name != precision and fits(layout, name):
            ideas.append(f"precision {name}")
            break
    needed = build(model, layout, precision, kv_precision).weight_bytes / fraction
    ideas.append(f"a device with more than {humane(needed, 'B')}")
    return "what would fit: " + ", or ".join(ideas)


def candidates(model: Model, most: int) -> Iterator[Layout]:
    """Layouts that the model's shapes allow, fewest devices first: tp, then ep, then pp."""
    sizes = sorted({n for n in (*SUGGESTED_DEVICES, most) if n <= min(most, MOST_DEVICES)})
    for devices in sizes:
        shapes = [Layout(tp=devices), Layout(dp=devices, ep=devices)]
        shapes += [Layout(tp=devices // pp, pp=pp) for pp in (2, 4, 8) if devices % pp == 0]
        yield from (layout for layout in shapes if _is_possible(model, layout))


def _is_possible(model: Model, layout: Layout) -> bool:
    try:
        check_layout(model, layout)
    except InputError:
        return False
    return True
