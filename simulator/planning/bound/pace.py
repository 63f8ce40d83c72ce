"""Seconds of one replica's steps, tabulated over decoding sequences and prompts beside them."""

from dataclasses import dataclass

import numpy as np

from simulator.graph.step_shape import FloatArray, StepShape
from simulator.planning.bound.lengths import Lengths
from simulator.serving.replica.limits import EngineLimits
from simulator.simulate.replica import Replica

_NO_STEPS = 1e-9
_FIRST = 6
"""So many sequences are tabulated one by one; further ones in growing gaps."""
_KNOTS = 22
_PROMPTS = np.array([1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0, 22.0, 36.0, 60.0, 100.0, 170.0, 300.0])


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one replica goes with so many sequences and prompts at once.

    Args:
        limits: of its engine.
        lengths: of the requests that it is paced for.
        shares_steps: prompts share steps with decoding sequences; else those wait meanwhile.
        sequences: knots, from 1 to as many as run at once at most; shape (n,).
        prompts: knots of prompts in a step, shape (k,).
        decode_s: a step without prompts, shape (n,).
        prompt_s: a step with prompts, shape (n, k).
        together: prompts that the step's token budget holds; below 1 they are cut, shape (n,).
        chunks: steps that a prompt takes, at least 1, shape (n,).
        steps: decode steps of an answer of mean length after its first token.
    """

    limits: EngineLimits
    lengths: Lengths
    shares_steps: bool
    sequences: FloatArray
    prompts: FloatArray
    decode_s: FloatArray
    prompt_s: FloatArray
    together: FloatArray
    chunks: FloatArray
    steps: float

    @property
    def most(self) -> float:
        """Sequences that run at once at most."""
        return float(self.sequences[-1])

    def with_prompts_s(self, prompts: FloatArray) -> FloatArray:
        """Seconds of steps with ``prompts`` (at least 1, of shape (…, n)), by linear pieces."""
        knots = self.prompts
        if knots.size == 1:
            return np.broadcast_to(self.prompt_s[:, 0], prompts.shape)
        low = np.clip(np.searchsorted(knots, prompts, side="right") - 1, 0, knots.size - 2)
        share = np.clip((prompts - knots[low]) / (knots[low + 1] - knots[low]), 0.0, 1.0)
        row = np.arange(self.sequences.size)
        first, second = self.prompt_s[row, low], self.prompt_s[row, low + 1]
        return np.asarray(first + (second - first) * share)


def pace_of(replica: Replica, lengths: Lengths) -> Pace:
    """Tabulate ``replica`` for requests of these ``lengths``."""
    limits = replica.limits
    chosen = replica.deployment.scheduling.steps or replica.profile.scheduling
    shares_steps = chosen == "mixed"
    most = _most_sequences(replica, lengths)
    near = np.arange(1.0, min(most, _FIRST) + 1)
    knots = np.unique(np.append(near, np.round(np.geomspace(1.0, most, _KNOTS))))
    beside = knots if shares_steps else np.zeros_like(knots)
    room = np.maximum(limits.max_batched_tokens - beside * replica.step.mode.width, 1.0)
    together = room / lengths.prompt
    if not limits.chunked_prefill:
        together = np.maximum(np.floor(together), 1.0)
    is_whole = together >= 1.0
    chunk = np.where(is_whole, lengths.prompt, np.minimum(lengths.prompt, room))
    chunks = np.maximum(lengths.prompt / chunk, 1.0)
    largest = max(1.0, float(together.max()))
    prompts = np.append(_PROMPTS[largest > _PROMPTS + 0.05], largest)
    here = np.minimum(np.append(0.0, prompts), np.maximum(together, 1.0)[:, None])
    # Steps without prompts decode; those with prompts do so beside them, or not at all.
    decoding = np.where(here > 0, beside[:, None], knots[:, None])
    past = lengths.cached + np.where(is_whole, 0.0, (lengths.prompt - chunk) / 2)
    shape = StepShape.of(
        decode_sequences=decoding,
        decode_context=lengths.decode_context,
        prefill_sequences=here,
        prefill_tokens=np.where(here > 0, chunk[:, None], 0.0),
        prefill_past=past[:, None],
        prefill_logits=np.where(is_whole[:, None], here, np.minimum(here, 1.0) / chunks[:, None]),
    )
    # One evaluation of all, since its cost hardly hangs on how many steps there are.
    seconds = np.broadcast_to(_seconds(replica, shape), here.shape)
    like = np.broadcast_to
    return Pace(
        limits=limits,
        lengths=lengths,
        shares_steps=shares_steps,
        sequences=knots,
        prompts=prompts,
        decode_s=seconds[:, 0],
        prompt_s=seconds[:, 1:],
        together=like(together, knots.shape),
        chunks=like(chunks, knots.shape),
        steps=max(lengths.answer - 1.0, _NO_STEPS) / replica.step.mode.tokens,
    )


def _seconds(replica: Replica, shape: StepShape) -> FloatArray:
    step = replica.step
    if step.mode.width == 1:
        return replica.step_model.times(shape)[0]
    return step.evaluate(shape).time_s


def _most_sequences(replica: Replica, lengths: Lengths) -> int:
    """Sequences of mean length that run at once: held to the engine's limit and the cache."""
    limits = replica.limits
    if replica.graph.kv_bytes_per_token <= 0:
        return limits.max_sequences
    tokens = limits.kv_blocks * limits.kv_block_tokens
    held = int(tokens / lengths.held(limits.output_reserve))
    return max(1, min(limits.max_sequences, held))
