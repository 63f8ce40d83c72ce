"""Single points: a decode step or a prefill of one replica's deployment, many at once as arrays."""

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.graph.step_shape import StepShape
from simulator.simulate.replica import Replica, capacity_batch
from simulator.units import humane


def answerable(
    replica: Replica, phase: str, batch: np.ndarray, context: np.ndarray
) -> NDArray[np.bool_]:
    """Which rows ``decode_steps`` or ``prefill_steps`` would not refuse."""
    per_replica = np.ceil(batch / replica.deployment.replicas)
    held = per_replica if phase == "decode" else np.minimum(per_replica, 1)
    most = capacity_batch(replica, context + (phase == "decode"))
    return np.asarray((context <= replica.limits.max_context) & (held <= most))


def decode_steps(replica: Replica, batch: np.ndarray, context: np.ndarray) -> dict[str, np.ndarray]:
    """Decode steps, one for each entry of ``batch`` and ``context`` (both of shape (n,))."""
    _check_context(replica, context)
    per_replica = np.ceil(batch / replica.deployment.replicas)
    most = capacity_batch(replica, context + 1)
    _check_batch(replica, per_replica, context, most)
    step = replica.step_model.evaluate(StepShape.decode(per_replica, context))
    cache = replica.graph.kv_bytes(context) * np.ceil(per_replica / replica.deployment.dp)
    return {
        "step_time_s": step.time_s,
        "tpot_s": step.time_s,
        "output_tokens_per_s": batch / step.time_s,
        "bound": step.bound,
        "memory_used_bytes": replica.budget.weights + replica.budget.reserve + cache,
        "max_batch": (most * replica.deployment.replicas).astype(np.int64),
        "kv_capacity_tokens": np.full(
            batch.shape, replica.kv_capacity_tokens * replica.deployment.replicas
        ),
        "power_w": step.power_w * replica.deployment.total_devices,
        "prefill_share": np.zeros(batch.shape),
        "sigma": step.relative_sigma,
    }


def prefill_steps(
    replica: Replica, batch: np.ndarray, context: np.ndarray
) -> dict[str, np.ndarray]:
    """Prefills of ``batch`` prompts of ``context`` tokens, in chunks of the engine's budget.

    The time is the sum of the engine's steps; TTFT adds the engine's handling of a request.
    """
    _check_context(replica, context)
    per_replica = np.ceil(batch / replica.deployment.replicas)
    most = capacity_batch(replica, context)
    _check_batch(replica, np.minimum(per_replica, 1), context, most)
    budget = float(replica.limits.max_batched_tokens)
    seconds = np.zeros_like(context)
    joules = np.zeros_like(context)
    variance = np.zeros_like(context)
    bound = np.full(context.shape, "compute", dtype="<U8")
    chunks = np.ceil(context / budget) if replica.limits.chunked_prefill else np.ones_like(context)
    tokens = np.minimum(context, budget) if replica.limits.chunked_prefill else context
    # Short prompts share a step; a long one is spread over several.
    together = np.maximum(1.0, np.minimum(per_replica, np.floor(budget / tokens)))
    steps = per_replica / together
    for i in range(int(chunks.max())):
        here = np.clip(context - i * tokens, 0.0, tokens)
        active = here > 0
        shape = StepShape.of(
            prefill_sequences=np.where(active, together, 0.0),
            prefill_tokens=np.where(active, here, 0.0),
            prefill_past=i * tokens,
            prefill_logits=np.where(i == chunks - 1, together, 0.0),
        )
        step = replica.step_model.evaluate(shape)
        seconds += np.where(active, steps * step.time_s, 0.0)
        joules += np.where(active, steps * step.energy_j, 0.0)
        variance = np.where(active, step.relative_sigma**2, variance)
        bound = np.where(active, step.bound, bound)
    cache = replica.graph.kv_bytes(context) * np.minimum(per_replica, most)
    return {
        "step_time_s": seconds,
        "ttft_s": seconds + float(replica.profile.request_overhead),
        "bound": bound,
        "memory_used_bytes": replica.budget.weights + replica.budget.reserve + cache,
        "max_batch": (most * replica.deployment.replicas).astype(np.int64),
        "kv_capacity_tokens": np.full(
            batch.shape, replica.kv_capacity_tokens * replica.deployment.replicas
        ),
        "power_w": joules / seconds * replica.deployment.total_devices,
        "requests_per_s": batch / seconds,
        "input_tokens_per_s": batch * context / seconds,
        "prefill_share": np.ones(batch.shape),
        "sigma": np.sqrt(variance),
    }


def _check_context(replica: Replica, context: np.ndarray) -> None:
    longest = float(np.max(context))
    if longest > replica.limits.max_context:
        raise InputError(
            f"context {longest:.0f} is longer than {replica.model.name} supports",
            field="context",
            remedy=f"use at most {replica.limits.max_context}",
        )


def _check_batch(
    replica: Replica, batch: np.ndarray, context: np.ndarray, most: np.ndarray
) -> None:
    over = batch > most
    if not over.any():
        return
    i = int(np.argmax(over))
    needed = float(replica.graph.kv_bytes(context[i])) * batch[i] / replica.deployment.dp
    raise InputError(
        f"the cache of {batch[i]:.0f} sequences of {context[i]:.0f} tokens takes "
        f"{humane(needed, 'B')}, {humane(needed - replica.budget.cache, 'B')} more than the "
        f"{humane(replica.budget.cache, 'B')} that {replica.device.title} has left",
        field="batch",
        remedy=f"what would fit: batch {most[i]:.0f}, a shorter context, kv_precision fp8, "
        "lower precision, or more devices",
    )
