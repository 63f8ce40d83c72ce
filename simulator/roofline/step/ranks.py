"""What one device of a replica gets of a step, and how its ranks and stages take turns.

A step is asked of a whole replica. Data-parallel and context-parallel ranks each take their
share of its sequences, and the fullest rank sets the pace. Pipeline stages work on different
micro-batches at the same time; with two-batch overlap each rank's share is halved once more.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from simulator.graph.operator import AttentionCore, Experts, Indexer, LatentCore, Operator
from simulator.graph.parallel import Layout
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.load import FloatArray

NumberT = TypeVar("NumberT", FloatArray, float)
Choose = Callable[[Any, Any], Any]
"""The smaller or the larger of two: numpy's function for arrays, the builtin for floats."""


@dataclass(frozen=True, slots=True)
class Turns:
    """How often the devices of a replica must go round to finish one step.

    Args:
        passes: micro-batches that follow each other through the pipeline.
        halves: 2 where each micro-batch is run as two halves that overlap, else 1.
        fill: the mean rank's share of rows over the fullest rank's.
    """

    passes: Any = 1.0
    halves: Any = 1.0
    fill: Any = 1.0


ONE_TURN = Turns()


@dataclass(frozen=True, slots=True)
class RankStep:
    """One micro-batch as the fullest rank sees it, and as all ranks together see it."""

    shape: StepShape
    meeting: StepShape
    turns: Turns


def rank_step(shape: StepShape, layout: Layout) -> RankStep:
    """Split steps of a replica into what its ranks do.

    Sequences are not split (but for context parallelism), so that one prompt among eight
    data-parallel ranks keeps one of them busy while seven wait, unless the engine balances.
    """
    if layout.is_whole:
        return RankStep(shape, shape, ONE_TURN)
    passes, halves = turns_of(shape.sequences, layout, np.minimum, np.maximum, np.floor)
    rounds = passes * halves
    ways = layout.dp * rounds
    prefilling = shape.prefill_sequences / ways
    if not layout.balanced_prefill:
        prefilling = np.ceil(prefilling)
    chunk = shape.prefill_tokens / layout.cp
    mine = StepShape(
        np.ceil(shape.decode_sequences / (ways * layout.cp)),
        shape.decode_context,
        prefilling,
        chunk,
        # Tokens of a chunk are dealt out so that every rank attends to equally many pairs.
        shape.prefill_past + (shape.prefill_tokens - chunk) / 2,
        np.minimum(np.ceil(shape.prefill_logits / ways), np.ceil(prefilling)),
    )
    all_ways = layout.batch_ways * rounds
    meeting = replace(
        shape,
        decode_sequences=shape.decode_sequences / all_ways,
        prefill_sequences=shape.prefill_sequences / all_ways,
        prefill_logits=shape.prefill_logits / all_ways,
    )
    fill = meeting.tokens / np.maximum(mine.tokens, 1e-9)
    return RankStep(mine, meeting, Turns(passes, halves, fill))


def turns_of(
    sequences: NumberT,
    layout: Layout,
    smaller: Choose,
    larger: Choose,
    floor: Callable[[NumberT], NumberT],
) -> tuple[NumberT, NumberT | float]:
    """Micro-batches and halves of a step of ``sequences``; a sequence is never split.

    The functions are numpy's for arrays, the builtins for plain floats.
    """
    per_rank: NumberT = larger(sequences / layout.dp, 1.0)
    passes: NumberT = smaller(float(layout.pp), floor(per_rank))
    halves: NumberT | float = 1.0
    if layout.two_batch_overlap:
        halves = larger(1.0, smaller(2.0, floor(per_rank / passes)))
    return passes, halves


def placed(op: Operator, step: RankStep, layout: Layout) -> list[tuple[Operator, StepShape]]:
    """The operator and the shape by which one device pays for it.

    Experts see the rows of all ranks that meet there (their law multiplies the mean rank's by
    the number of ranks); everything else sees the fullest rank's own. Where a sequence's cache
    is spread over ranks, each of them decodes all their rows against its part of it.
    """
    if isinstance(op, Experts):
        return [(op, step.meeting)]
    if layout.cache_ways == 1 or not isinstance(op, AttentionCore | LatentCore | Indexer):
        return [(op, step.shape)]
    shape = step.shape
    none = np.zeros_like(shape.decode_sequences)
    decode = replace(
        shape,
        decode_sequences=shape.decode_sequences * layout.cp,
        decode_context=shape.decode_context / layout.cache_ways,
        prefill_sequences=none,
        prefill_logits=none,
    )
    gathered: Operator = op
    if layout.dcp > 1 and not isinstance(op, Indexer):
        gathered = replace(op, query_heads=op.query_heads * layout.dcp)
    return [(gathered, decode), (op, replace(shape, decode_sequences=none))]
