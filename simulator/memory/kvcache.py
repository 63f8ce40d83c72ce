"""How many tokens of cache fit beside the weights, by each engine's own memory rule."""

from dataclasses import dataclass

import numpy as np

from simulator.errors import InputError
from simulator.graph.build import Graph
from simulator.specs.engine_profile import MemoryRule
from simulator.units import humane


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """What a device's memory is spent on, in bytes; ``cache`` is what is left for KV."""

    usable: float
    weights: float
    reserve: float
    cache: float

    @property
    def missing(self) -> float:
        """Bytes by which weights and reserve exceed what the engine may take; 0 when they fit."""
        return max(0.0, -self.cache)


def memory_budget(
    graph: Graph,
    usable_bytes: float,
    fraction: float,
    rule: MemoryRule,
    reserve_bytes: float,
    device_bytes: float | None = None,
) -> MemoryBudget:
    """Split a device's memory as the engine does.

    ``of-total`` (vLLM): weights, activations and cache share ``fraction`` of all memory.
    ``static-of-total`` (SGLang): weights and cache share it, activations live outside.
    ``of-free-after-weights`` (TensorRT-LLM): the cache takes ``fraction`` of what weights and
    activations leave. ``device_bytes`` is what weights, tables and buffers take on the device
    where some of the weights lie elsewhere.
    """
    weights = graph.weight_bytes if device_bytes is None else device_bytes
    if rule == "of-total":
        cache = fraction * usable_bytes - weights - reserve_bytes
    elif rule == "static-of-total":
        cache = fraction * usable_bytes - weights
    else:
        free = usable_bytes - weights - reserve_bytes
        cache = fraction * free if free > 0 else free
    return MemoryBudget(usable_bytes, weights, reserve_bytes, cache)


def require_fit(budget: MemoryBudget, device: str, advice: str) -> None:
    """Refuse a model that leaves no memory for cache, with the arithmetic shown.

    Raises:
        InputError: says what is missing, and ``advice`` on what would fit.
    """
    if budget.cache > 0:
        return
    raise InputError(
        f"the model does not fit {device}: weights {humane(budget.weights, 'B')} + activations "
        f"{humane(budget.reserve, 'B')} exceed its share of {humane(budget.usable, 'B')} by "
        f"{humane(budget.missing, 'B')}",
        field="deployment",
        remedy=advice,
    )


def cache_blocks(graph: Graph, cache_bytes: float, block_tokens: int, max_context: int) -> int:
    """Blocks of ``block_tokens`` that ``cache_bytes`` hold.

    A model whose cache does not grow with each token (all windows, or fixed state) is bounded
    by whole sequences of ``max_context`` instead.
    """
    per_token = float(graph.kv_bytes(np.asarray(max_context, np.float64))) / max_context
    if per_token <= 0:
        return 1 << 40
    return int(cache_bytes // (per_token * block_tokens))
