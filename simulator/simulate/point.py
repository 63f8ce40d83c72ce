"""Single points: a decode step or a prefill of one replica's deployment, many at once as arrays."""

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.graph.step_shape import StepShape
from simulator.roofline.step.report import OperatorReport, joined, report
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
    _check_batch(replica, per_replica, context + 1, most)
    step = replica.step_model.evaluate(StepShape.decode(per_replica, context))
    cache = replica.graph.kv_bytes(context) * np.ceil(per_replica / replica.deployment.dp)
    return {
        "step_time_s": step.time_s,
        "tpot_s": step.time_s / replica.mode.tokens,
        "output_tokens_per_s": batch * replica.mode.tokens / step.time_s,
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
    shapes, steps = steps_of_prefill(replica, per_replica, context)
    seconds = np.zeros_like(context)
    joules = np.zeros_like(context)
    variance = np.zeros_like(context)
    bound = np.full(context.shape, "compute", dtype="<U8")
    for shape in shapes:
        active = shape.prefill_tokens > 0
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


def steps_of_prefill(
    replica: Replica, prompts: np.ndarray, context: np.ndarray
) -> tuple[list[StepShape], np.ndarray]:
    """The engine's steps for one prompt of ``context`` tokens, and how often it goes through them.

    Short ``prompts`` of a replica share a step; a long one is spread over several, and entries
    that need fewer than others have none of its tokens in the last ones.
    """
    budget = float(replica.limits.max_batched_tokens)
    chunks = np.ceil(context / budget) if replica.limits.chunked_prefill else np.ones_like(context)
    tokens = np.minimum(context, budget) if replica.limits.chunked_prefill else context
    together = np.maximum(1.0, np.minimum(prompts, np.floor(budget / tokens)))
    shapes = []
    for i in range(int(chunks.max())):
        here = np.clip(context - i * tokens, 0.0, tokens)
        shapes.append(
            StepShape.of(
                prefill_sequences=np.where(here > 0, together, 0.0),
                prefill_tokens=here,
                prefill_past=i * tokens,
                prefill_logits=np.where(i == chunks - 1, together, 0.0),
            )
        )
    return shapes, prompts / together


def remarks_on_decode(replica: Replica, batch: np.ndarray, context: np.ndarray) -> tuple[str, ...]:
    """What a reader of ``decode_steps`` must know of these steps."""
    per_replica = np.ceil(batch / replica.deployment.replicas)
    return replica.step_model.remarks(StepShape.decode(per_replica, context))


def operators_of_decode(replica: Replica, batch: float, context: float) -> list[OperatorReport]:
    """The rows of what ``decode_steps`` answers for one batch and context."""
    per_replica = np.ceil(batch / replica.deployment.replicas)
    return report(replica.step_model, StepShape.decode(per_replica, context))


def operators_of_prefill(replica: Replica, batch: float, context: float) -> list[OperatorReport]:
    """The rows of what ``prefill_steps`` answers for one batch and context, over all its steps."""
    per_replica = np.ceil(np.array(batch / replica.deployment.replicas))
    shapes, steps = steps_of_prefill(replica, per_replica, np.array(context))
    return joined([report(replica.step_model, shape) for shape in shapes], float(steps))


def _check_context(replica: Replica, context: np.ndarray) -> None:
    longest = float(np.max(context))
    if longest > replica.limits.max_context:
        raise InputError(
            f"context {longest:.0f} is longer than {replica.model.name} supports",
            field="context",
            remedy=f"use at most {replica.limits.max_context}",
        )


def _check_batch(replica: Replica, batch: np.ndarray, tokens: np.ndarray, most: np.ndarray) -> None:
    """Refuse more sequences of ``tokens`` than the cache of one replica holds at once.

    Sequences stay on one data-parallel rank, so the fullest one decides. A sequence takes whole
    blocks of tokens, or bytes where its cache does not grow.
    """
    over = batch > most
    if not over.any():
        return
    i = int(np.argmax(over))
    ranks, block = replica.deployment.dp, replica.limits.kv_block_tokens
    held = int(np.ceil(batch[i] / ranks))
    if replica.graph.kv_bytes_per_token > 0:
        room = float(replica.limits.kv_blocks // ranks * block)
        needed = held * float(np.ceil(max(tokens[i], 1.0) / block)) * block
        wanted, more, left = (f"{size:,.0f}" for size in (needed, needed - room, room))
        wanted += f" tokens of cache in whole blocks of {block}"
    else:
        room = replica.budget.cache
        needed = held * float(replica.graph.kv_bytes(tokens[i]))
        wanted, more, left = (humane(size, "B", 6) for size in (needed, needed - room, room))
        wanted += " of cache"
    among = f" on the fullest of {ranks} ranks" if ranks > 1 else ""
    fits = f"batch {most[i] * replica.deployment.replicas:.0f}, " if most[i] >= 1 else ""
    raise InputError(
        f"{held} sequences of {tokens[i]:.0f} tokens{among} take {wanted}, {more} more than the "
        f"{left} that {replica.device.title} has left",
        field="batch",
        remedy=f"what would fit: {fits}a shorter context, kv_precision fp8, lower precision, or "
        "more devices",
    )
