"""A deployment's bytes off the device, resolved: what stays, and what each step waits for."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from simulator.errors import InputError
from simulator.graph.build import Graph
from simulator.graph.operator import Experts, Lookup
from simulator.graph.step_shape import StepShape
from simulator.memory.kvtiers import cache_bytes_by_tier
from simulator.memory.placement import Placement, experts_of, layers_of, place_weights
from simulator.memory.tiers import MemorySystem, memory_system, shared_bandwidth_bytes_per_s
from simulator.roofline.device.device import Device, resolve
from simulator.roofline.laws.costing import cost
from simulator.roofline.off_device.exposure import (
    CopiedAhead,
    Exposure,
    FetchedExperts,
    FetchedRows,
    HostExperts,
    ReadInPlace,
)
from simulator.roofline.off_device.host_path import HostPath, host_path
from simulator.roofline.off_device.traffic import FloatArray
from simulator.specs import catalogue
from simulator.specs.hardware import Hardware
from simulator.specs.offload import Offload, WeightOffload


@dataclass(frozen=True)
class OffloadPlan:
    """What one device holds and what its steps wait for.

    Args:
        device_bytes: weights, buffers, hot rows and tables in the device's memory.
        bytes_by_tier: weights and tables in every tier, the device's own included.
        notes: fallbacks and consequences that a user should hear of.
    """

    device_bytes: float
    bytes_by_tier: dict[str, float]
    exposures: tuple[Exposure, ...] = ()
    joules_per_byte: float = 0.0
    notes: tuple[str, ...] = ()

    def exposed_s(self, base_s: ArrayLike, tokens: ArrayLike) -> FloatArray:
        """Seconds that a step of ``base_s`` on the device alone waits for bytes from elsewhere.

        The step is never shorter than the link takes for all its bytes.
        """
        base = np.asarray(base_s, dtype=np.float64)
        busy = [e.link_s(tokens) for e in self.exposures]
        total: FloatArray = np.asarray(sum(busy, start=np.zeros(())))
        added: FloatArray = np.zeros(np.broadcast(base, total).shape)
        for exposure, own in zip(self.exposures, busy, strict=True):
            # What another exposure already adds is time in which this one's bytes move too.
            added = added + np.maximum(exposure.exposed_s(base + added, tokens, total - own), 0.0)
        return np.maximum(added, total - base)

    def energy_j(self, tokens: ArrayLike) -> FloatArray:
        """Joules of moving a step's bytes over the link and out of the memory behind it."""
        return self.link_bytes(tokens) * self.joules_per_byte

    def link_bytes(self, tokens: ArrayLike) -> FloatArray:
        """Bytes that cross the host link in a step of ``tokens`` tokens."""
        found = (e.link_bytes(tokens) for e in self.exposures)
        return np.asarray(sum(found, start=np.zeros(())), dtype=np.float64)


@dataclass(frozen=True)
class Offloaded:
    """The graph and device that remain, and the plan that says what was taken away."""

    graph: Graph
    device: Device
    plan: OffloadPlan | None


def offload(
    graph: Graph, hardware: Hardware, device: Device, settings: Offload | None
) -> Offloaded:
    """Take from ``graph`` what ``settings`` put elsewhere, and from ``device`` what others draw.

    Tables stay on the device unless ``settings`` place them.

    Raises:
        InputError: a tier or link that the device does not have, bytes that exceed a tier (shows
            the sum), or pipeline stages.
    """
    if settings is None:
        if not graph.table_bytes:
            return Offloaded(graph, device, None)
        settings = Offload()
    elif graph.layout.pp > 1:
        raise InputError(
            f"nothing can lie off the devices of {graph.layout.pp} pipeline stages: each stage "
            "has a share and a rhythm of its own, which is not simulated",
            field="deployment.offload",
            remedy="use tp or more replicas in the place of pp, or leave offload out",
        )
    system = memory_system(hardware, settings)
    if system.unified and settings.background:
        left = shared_bandwidth_bytes_per_s(system, settings.background)
        device = replace(device, bandwidth_bytes_per_s=min(left, device.bandwidth_bytes_per_s))
    weights, tables = settings.weights, settings.tables
    placement = place_weights(graph, weights)
    exposures: list[Exposure] = []
    away: dict[str, dict[str, float]] = {}
    remaining = list(graph.operators)
    notes: list[str] = []
    if weights is not None:
        path = host_path(system, weights.place, device, field="offload.weights.place")
        away.setdefault(weights.place, {})["weights"] = placement.away_bytes
        exposures.append(_weights(graph, placement, weights, path))
        if weights.policy == "host-experts":
            remaining = [op for op in remaining if not isinstance(op, Experts)]
        if not weights.pinned:
            notes.append("weights in pageable host memory are copied by one core of the host")
    lookups = tuple(op for op in remaining if isinstance(op, Lookup))
    table_bytes = hot_bytes = 0.0
    if lookups and tables is not None and tables.place != "device":
        table_bytes = graph.table_bytes
        hot_bytes = tables.hot_rows * table_bytes
        away.setdefault(tables.place, {})["tables"] = table_bytes
        path = host_path(system, tables.place, device, field="offload.tables.place")
        exposures.append(FetchedRows(lookups, layers_of(graph), path, tables))
        remaining = [op for op in remaining if not isinstance(op, Lookup)]
    cached = {} if settings.kv is None else cache_bytes_by_tier(settings.kv)
    for place in {**away, **cached}:
        parts = away.get(place, {}) | ({"kv": cached[place]} if place in cached else {})
        _require_room(system, place, parts, graph.layout.devices_per_replica, hardware)
    kept_tables = graph.table_bytes - table_bytes + hot_bytes
    device_bytes = placement.device_bytes + kept_tables
    by_tier = {"device": device_bytes}
    by_tier |= {place: sum(parts.values()) for place, parts in away.items()}
    if "host" in by_tier and hardware.memory.host is None and settings.host_memory is None:
        capacity = system.tiers["host"].capacity_bytes
        notes.append(f"nobody says how much host memory there is; {capacity / 1e9:.0f} GB assumed")
    joules = device.power.joules_per_host_byte + max(
        (system.tiers[place].joules_per_byte for place in away), default=0.0
    )
    plan = OffloadPlan(device_bytes, by_tier, tuple(exposures), joules, tuple(notes))
    return Offloaded(replace(graph, operators=tuple(remaining)), device, plan)


def _require_room(
    system: MemorySystem,
    place: str,
    parts: dict[str, float],
    devices: int,
    hardware: Hardware,
) -> None:
    """Tables are whole on every device, but the devices of a host need only one copy of them."""
    per_node = float(hardware.system.devices_per_node) if hardware.system else 1.0
    sharers = max(1.0, min(float(devices), per_node))
    shared = {k: v / sharers if k == "tables" else v for k, v in parts.items()}
    system.require_room(place, shared, field=f"offload.{next(iter(parts))}")


def _weights(
    graph: Graph, placement: Placement, settings: WeightOffload, path: HostPath
) -> Exposure:
    if settings.policy == "on-demand":
        return ReadInPlace(placement, path)
    if settings.policy == "prefetch":
        return CopiedAhead(placement, path, settings)
    if settings.policy == "experts":
        return FetchedExperts(experts_of(graph), path, settings)
    return HostExperts(experts_of(graph), path, _host_seconds(experts_of(graph), settings))


def _host_seconds(
    experts: list[Experts], settings: WeightOffload
) -> Callable[[FloatArray], FloatArray]:
    if settings.processor is None:
        raise InputError(
            "host-experts needs the host's processor",
            field="offload.weights.processor",
            remedy="name one of the catalogue, say xeon-6980p or epyc-9965",
        )
    hardware = catalogue.hardware(settings.processor)
    cpu = resolve(hardware, "cpu" if "cpu" in hardware.engines else None)

    def seconds(tokens: FloatArray) -> FloatArray:
        shape = StepShape.prefill(tokens, 1.0)
        parts = (part for op in experts for part in cost(op, shape, cpu, cpu.book))
        return np.asarray(sum((part.time_s for part in parts), start=np.zeros(tokens.shape)))

    return seconds
