"""What lies where: policies that split a model's weights between the device and the rest.

Pure arithmetic on a graph: how many bytes stay, how many lie elsewhere, what buffers a policy
needs on the device. How long the rest takes to arrive is the roofline's business.
"""

import math
from dataclasses import dataclass

from simulator.errors import InputError
from simulator.graph.build import Graph
from simulator.graph.operator import Experts
from simulator.specs.offload import WeightOffload
from simulator.units import humane

STAGED_EXPERTS = 2
"""Buffers for experts on their way: one is filled while the other is read."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one device's weights lie.

    Args:
        away: for each layer, whether it (or, under ``experts``, its experts) lies elsewhere.
        layer_bytes: weights of one layer; the mean where layers differ.
        away_bytes: weights that lie elsewhere.
        buffer_bytes: what the policy needs on the device beside the weights that stay.
    """

    away: tuple[bool, ...]
    layer_bytes: float
    weight_bytes: float
    away_bytes: float
    buffer_bytes: float

    @property
    def device_bytes(self) -> float:
        """Bytes of the device's memory that weights and buffers take."""
        return self.weight_bytes - self.away_bytes + self.buffer_bytes


def layers_of(graph: Graph) -> int:
    """Layers that the device computes."""
    return sum(count for _, count in graph.layer_groups)


def layer_bytes(graph: Graph) -> float:
    """Weights of one layer, the mean over all; embeddings and the output head apart."""
    held = sum(op.count * op.held_bytes for op in graph.operators if op.driver != "logits")
    return held / layers_of(graph)


def experts_of(graph: Graph) -> list[Experts]:
    """The routed experts that a device runs."""
    return [op for op in graph.operators if isinstance(op, Experts)]


def expert_bytes(op: Experts) -> float:
    """Weights of one expert."""
    return op.parameters / op.experts * op.precision.weight_bytes


def stays(graph: Graph) -> Placement:
    """All weights on the device."""
    none = (False,) * layers_of(graph)
    return Placement(none, layer_bytes(graph), graph.weight_bytes, 0.0, 0.0)


def place_weights(graph: Graph, settings: WeightOffload | None) -> Placement:
    """Split the weights of ``graph`` as ``settings`` say.

    Raises:
        InputError: more is to lie elsewhere than the layers hold, buffers exceed what they
            save, or the model has no experts to offload.
    """
    if settings is None:
        return stays(graph)
    if settings.policy in ("experts", "host-experts"):
        return _experts_away(graph, settings)
    if settings.policy == "prefetch":
        return _layers_in_groups(graph, settings)
    each, layers = layer_bytes(graph), layers_of(graph)
    wanted = _wanted_bytes(settings, each)
    if wanted > each * layers * (1 + 1e-9):
        raise InputError(
            f"{humane(wanted, 'B')} are to lie off the device, but {layers} layers × "
            f"{humane(each, 'B')} = {humane(each * layers, 'B')} are all there is",
            field="offload.weights",
            remedy=f"offload at most {each * layers / 1e9:.1f} gigabytes",
        )
    count = _layers_for(wanted, each)
    away = tuple(i < count for i in range(layers))
    return Placement(away, each, graph.weight_bytes, wanted, 0.0)


def _wanted_bytes(settings: WeightOffload, each: float) -> float:
    if settings.gigabytes is not None:
        return settings.gigabytes * 1e9
    return (settings.layers or 0) * each


def _layers_for(wanted_bytes: float, each: float) -> int:
    """Whole layers that hold so many bytes; rounding must not ask for one more."""
    return math.ceil(wanted_bytes / each - 1e-9)


def _layers_in_groups(graph: Graph, settings: WeightOffload) -> Placement:
    """The last of every group of layers, with buffers for those that are fetched ahead."""
    each, layers = layer_bytes(graph), layers_of(graph)
    if settings.gigabytes is None and settings.layers is None:
        first = settings.group - settings.layers_in_group
        away = tuple(i % settings.group >= first for i in range(layers))
    else:
        count = _layers_for(_wanted_bytes(settings, each), each)
        if count > layers:
            raise InputError(
                f"{count} layers of {humane(each, 'B')} are to lie off the device, but the model "
                f"has {layers}",
                field="offload.weights",
                remedy=f"offload at most {layers} layers",
            )
        # Spread evenly: the link then works all the time.
        away = tuple((i + 1) * count // layers > i * count // layers for i in range(layers))
    count = sum(away)
    buffers = settings.prefetch_depth
    if buffers > count:
        raise InputError(
            f"prefetch {buffers} layers deep needs {buffers} × {humane(each, 'B')} = "
            f"{humane(buffers * each, 'B')} of buffers, more than the {count} layers "
            f"({humane(count * each, 'B')}) that lie off the device",
            field="offload.weights.prefetch_depth",
            remedy=f"use at most {max(count, 1)}, or leave the weights on the device",
        )
    return Placement(away, each, graph.weight_bytes, count * each, buffers * each)


def _experts_away(graph: Graph, settings: WeightOffload) -> Placement:
    """All experts but those that the device keeps; ``host-experts`` keeps none and copies none."""
    found = experts_of(graph)
    if not found:
        raise InputError(
            "the model has no routed experts", field="offload.weights.policy",
            remedy="use prefetch or on-demand",
        )  # fmt: skip
    kept = settings.experts_on_device if settings.policy == "experts" else 0
    away_bytes = buffers = 0.0
    for op in found:
        held = op.experts / op.expert_parallel
        away_bytes += op.count * max(held - kept, 0.0) * expert_bytes(op)
        if settings.policy == "experts" and held > kept:
            buffers = max(buffers, STAGED_EXPERTS * expert_bytes(op))
    away = (True,) * layers_of(graph)
    return Placement(away, layer_bytes(graph), graph.weight_bytes, away_bytes, buffers)
