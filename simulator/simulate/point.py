"""Single points: a decode step or a prefill of one replica's deployment, many at once as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.graph.step_shape import StepShape
from simulator.roofline.step.report import OperatorReport, joined
from simulator.simulate.replica import Replica, capacity_batch
from simulator.units import humane


def answerable(
    replica: Replica, phase: str, batch: np.ndarray, context: np.ndarray
) -> NDArray[np.bool_]:
    """Which rows ``decode_steps`` or ``prefill_steps`` would not refuse."""
    per_replica = np.ceil(batch / replica.deployment.replicas)
    held = per_replica if phase == "decode" else np.minimum(per_replica, 1)
    most = capacity_batch(replica, context + (phase == "decode"))
    good = (context <= replica.limits.max_context) & (held <= most)
    if phase == "prefill":
        good &= Chunks.of(replica, per_replica, context).count <= MOST_CHUNKS
    return np.asarray(good)


def decode_steps(replica: Replica, batch: np.ndarray, context: np.ndarray) -> dict[str, np.ndarray]:
    """Decode steps, one for each entry of ``batch`` and ``context`` (both of shape (n,))."""
    _check_context(replica, context)
    per_replica = np.ceil(batch / replica.deployment.replicas)
    most = capacity_batch(replica, context + 1)
    _check_batch(replica, per_replica, context + 1, most)
    step = replica.step.evaluate(StepShape.decode(per_replica, context))
    gain = replica.step.gain(per_replica)
    cache = replica.graph.kv_bytes(context) * np.ceil(per_replica / replica.deployment.dp)
    return {
        "step_time_s": step.time_s,
        "tpot_s": step.time_s / gain,
        "output_tokens_per_s": batch * gain / step.time_s,
        "bound": step.bound,
        "memory_used_bytes": replica.budget.weights + replica.budget.reserve + cache,
        "max_batch": (most * replica.deployment.replicas).astype(np.int64),
        "kv_capacity_tokens": np.full(
            batch.shape, replica.kv_capacity_tokens * replica.deployment.replicas
        ),
        "power_w": step.power_w * replica.deployment.total_devices,
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
    chunks = Chunks.of(replica, per_replica, context)
    chunks.check(replica)
    steps, last = chunks.rounds, chunks.count - 1
    seconds = np.zeros_like(context)
    joules = np.zeros_like(context)
    variance = np.zeros_like(context)
    bound = np.full(context.shape, "compute", dtype="<U8")
    several = max(1, _TOGETHER // context.size)
    for first in range(0, chunks.most, several):
        numbers = np.arange(first, min(first + several, chunks.most))[:, None]
        shape = chunks.steps(numbers)
        active = shape.prefill_tokens > 0
        step = replica.step.evaluate(shape)
        seconds += np.where(active, steps * step.time_s, 0.0).sum(axis=0)
        joules += np.where(active, steps * step.energy_j, 0.0).sum(axis=0)
        ends = numbers == last
        variance += np.where(ends, step.relative_sigma**2, 0.0).sum(axis=0)
        here, which = np.nonzero(ends)
        bound[which] = step.bound[here, which]
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
        "sigma": np.sqrt(variance),
    }


_TOGETHER = 1 << 14
"""Chunks that are evaluated at once, of all prompts together: many, and little memory."""

MOST_CHUNKS = 20_000
"""Steps of one prompt that are added up; honest budgets cut the longest prompts into thousands."""

MOST_REPORTED = 500
"""Steps of one prompt whose operators are listed one by one."""


@dataclass(frozen=True)
class Chunks:
    """How prompts are cut: the engine's steps for one of them, and how often it goes through them.

    Short prompts of a replica share a step; a long one is spread over several, and entries that
    need fewer than others have none of its tokens in the last ones.

    Args:
        context: tokens of each prompt, shape (n,).
        tokens: tokens of its full chunks.
        count: chunks of each.
        together: prompts that share a step.
        rounds: how often a replica goes through the chunks for all of its prompts.
    """

    context: np.ndarray
    tokens: np.ndarray
    count: np.ndarray
    together: np.ndarray
    rounds: np.ndarray

    @classmethod
    def of(cls, replica: Replica, prompts: np.ndarray, context: np.ndarray) -> "Chunks":
        """Those of ``prompts`` on one replica, of ``context`` tokens each (both of shape (n,))."""
        budget = float(replica.limits.max_batched_tokens)
        chunked = replica.limits.chunked_prefill
        count = np.ceil(context / budget) if chunked else np.ones_like(context)
        tokens = np.minimum(context, budget) if chunked else context
        together = np.maximum(1.0, np.minimum(prompts, np.floor(budget / tokens)))
        return cls(context, tokens, count, together, prompts / together)

    @property
    def most(self) -> int:
        """Chunks of the prompt that has most."""
        return int(np.max(self.count))

    def check(self, replica: Replica, limit: int = MOST_CHUNKS) -> None:
        """Refuse prompts in more than ``limit`` chunks.

        Raises:
            InputError: names the limit and the budget that would do.
        """
        if self.most > limit:
            longest = float(np.max(self.context))
            raise InputError(
                f"a prompt of {longest:.0f} tokens takes {self.most} steps of at most "
                f"{replica.limits.max_batched_tokens} tokens; at most {limit} are added up",
                field="max_batched_tokens",
                remedy=f"give at least {int(np.ceil(longest / limit))}",
            )

    def steps(self, numbers: np.ndarray) -> StepShape:
        """The steps of these ``numbers`` from 0 on, of shape (k, 1) or (): one row a step."""
        here = np.clip(self.context - numbers * self.tokens, 0.0, self.tokens)
        return StepShape.of(
            prefill_sequences=np.where(here > 0, self.together, 0.0),
            prefill_tokens=here,
            prefill_past=numbers * self.tokens,
            prefill_logits=np.where(numbers == self.count - 1, self.together, 0.0),
        )


def remarks_on_decode(replica: Replica, batch: np.ndarray, context: np.ndarray) -> tuple[str, ...]:
    """What a reader of ``decode_steps`` must know of these steps."""
    per_replica = np.ceil(batch / replica.deployment.replicas)
    return replica.step.remarks(StepShape.decode(per_replica, context))


def operators_of_decode(replica: Replica, batch: float, context: float) -> list[OperatorReport]:
    """The rows of what ``decode_steps`` answers for one batch and context."""
    per_replica = np.ceil(batch / replica.deployment.replicas)
    return replica.step.report(StepShape.decode(per_replica, context))


def operators_of_prefill(replica: Replica, batch: float, context: float) -> list[OperatorReport]:
    """The rows of what ``prefill_steps`` answers for one batch and context, over all its steps."""
    per_replica = np.ceil(np.array(batch / replica.deployment.replicas))
    chunks = Chunks.of(replica, per_replica, np.array(context))
    chunks.check(replica, MOST_REPORTED)
    reports = [replica.step.report(chunks.steps(np.array(i))) for i in range(chunks.most)]
    return joined(reports, float(chunks.rounds))


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
