"""Names become things: the device, model, engine and memory that one deployment amounts to."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from simulator.errors import InputError
from simulator.graph.build import Graph, build
from simulator.graph.parallel import Layout
from simulator.memory.kvcache import MemoryBudget, cache_blocks, memory_budget, require_fit
from simulator.roofline.device import Device, resolve
from simulator.roofline.step import StepModel
from simulator.roofline.step_table import StepTable
from simulator.serving.engine import EngineLimits
from simulator.specs import catalogue
from simulator.specs.deployment import Deployment
from simulator.specs.engine_profile import EngineProfile
from simulator.specs.hardware import Hardware
from simulator.specs.model import Model
from simulator.units import humane


@dataclass(frozen=True)
class Setup:
    """One deployment, resolved: everything that predictions and simulations share.

    ``kv_blocks`` and ``limits`` are of one replica; memory figures of one device.
    """

    hardware: Hardware
    device: Device
    model: Model
    graph: Graph
    profile: EngineProfile
    deployment: Deployment
    precision: str
    kv_precision: str
    budget: MemoryBudget
    limits: EngineLimits

    @cached_property
    def step_model(self) -> StepModel:
        """The cost of any step."""
        return StepModel(self.graph, self.device, self.profile)

    @cached_property
    def step_table(self) -> StepTable:
        """The same, compiled for simulation."""
        return StepTable(self.step_model, self.limits.max_batched_tokens, self.limits.max_context)

    @property
    def kv_capacity_tokens(self) -> int:
        """Tokens that one replica's cache holds."""
        return self.limits.kv_blocks * self.limits.kv_block_tokens

    @property
    def notes(self) -> tuple[str, ...]:
        """Assumptions and fallbacks that a user should hear of."""
        return self.step_model.notes


def split_engine(name: str) -> tuple[str, str | None]:
    """``apple-m4-pro:cpu`` is the hardware and one of its compute engines."""
    if catalogue.looks_like_path(name):
        return name, None
    hardware, _, engine = name.partition(":")
    return hardware, engine or None


@lru_cache(maxsize=512)
def resolve_setup(hardware_name: str, model_name: str, deployment: Deployment) -> Setup:
    """Look everything up, shard the model, and see that it fits.

    Raises:
        InputError: unknown names, an impossible layout, or a model that does not fit; says by
            how much, and what would.
    """
    name, engine = split_engine(hardware_name)
    hardware = catalogue.hardware(name)
    device = resolve(hardware, engine)
    model = catalogue.model(model_name)
    profile = catalogue.engine_profile(deployment.engine)
    precision = deployment.precision or model.weight_precision
    kv_precision = deployment.kv_precision or "bf16"
    layout = Layout(deployment.tp, deployment.pp, deployment.dp, deployment.ep)
    graph = build(model, layout, precision, kv_precision)
    fraction = deployment.memory_fraction or float(profile.memory_fraction)
    budget = memory_budget(
        graph,
        device.memory_bytes,
        fraction,
        profile.memory_rule,
        min(float(profile.activation_reserve), 0.1 * device.memory_bytes),
    )
    block_tokens = deployment.kv_block_tokens or profile.kv_block_tokens
    max_context = deployment.max_context or model.max_context
    if max_context > model.max_context:
        raise InputError(
            f"context {max_context} is longer than {model.name} supports",
            field="deployment.max_context",
            remedy=f"use at most {model.max_context}",
        )
    require_fit(budget, device.title, _advice(model, graph, device, precision, fraction))
    blocks = deployment.kv_blocks or cache_blocks(graph, budget.cache, block_tokens, max_context)
    if blocks < 1:
        raise InputError(
            f"{humane(budget.cache, 'B')} of cache hold not one block of {block_tokens} tokens",
            field="deployment",
            remedy=_advice(model, graph, device, precision, fraction),
        )
    token_budget = profile.budget_for(device.memory_bytes)
    limits = EngineLimits(
        max_sequences=deployment.max_sequences or token_budget.max_sequences,
        max_batched_tokens=deployment.max_batched_tokens or token_budget.max_batched_tokens,
        kv_blocks=blocks * deployment.dp,
        kv_block_tokens=block_tokens,
        max_context=max_context,
        chunked_prefill=(
            profile.chunked_prefill
            if deployment.chunked_prefill is None
            else deployment.chunked_prefill
        ),
        request_overhead_s=float(profile.request_overhead),
    )
    return Setup(
        hardware, device, model, graph, profile, deployment, precision, kv_precision, budget, limits
    )


def _advice(model: Model, graph: Graph, device: Device, precision: str, fraction: float) -> str:
    """What would fit: more devices, fewer bits, or a device with more memory."""
    ideas = []
    available = fraction * device.memory_bytes
    whole = graph.weight_bytes * graph.layout.devices
    heads = min(
        layer.attention.query_heads
        for layer in model.layers
        if hasattr(layer.attention, "query_heads")
    )
    largest = device.scale_up.fabric.devices if device.scale_up else 1
    for tp in (2, 4, 8, 16, 32, 64):
        fits = whole / tp < 0.9 * available
        if graph.layout.tp < tp <= largest and heads % tp == 0 and fits:
            ideas.append(f"tp {tp}")
            break
    for name in ("fp8", "w4a16"):
        if name == precision:
            continue
        if build(model, graph.layout, name).weight_bytes < 0.9 * available:
            ideas.append(f"precision {name}")
            break
    ideas.append(f"a device with more than {humane(graph.weight_bytes / fraction, 'B')}")
    return "what would fit: " + ", or ".join(ideas)


def capacity_batch(setup: Setup, context: np.ndarray) -> np.ndarray:
    """Sequences of ``context`` tokens that one replica's cache holds at once."""
    per_sequence = np.maximum(setup.graph.kv_bytes(context), 1.0)
    block = setup.limits.kv_block_tokens
    growing = setup.graph.kv_bytes_per_token > 0
    if growing:
        blocks = np.ceil(np.maximum(context, 1) / block)
        by_blocks = np.floor(setup.limits.kv_blocks / blocks)
        return np.asarray(by_blocks)
    return np.floor(setup.budget.cache * setup.deployment.dp / per_sequence)
