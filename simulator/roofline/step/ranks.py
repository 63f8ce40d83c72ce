"""What one device of a replica gets of a step, and how its ranks and stages take turns.

A step is asked of a whole replica. Data-parallel and context-parallel ranks each take their
share of its sequences, and the fullest rank sets the pace. Pipeline stages work on different
micro-batches at the same time; with two-batch overlap each rank's share is halved once more.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from simulator.graph.operator import AttentionCore, Experts, Indexer, LatentCore, Operator
from simulator.graph.parallel import Layout
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.load import FloatArray

NumberT = TypeVar("NumberT", FloatArray, float)
Choose = Callable[[Any, Any], Any]
"""The smaller or the larger of two: numpy's function for arrays, the builtin for floats."""


class Arithmetic(NamedTuple):
    """Functions of arrays, or of plain floats, for which numpy is slow."""

    larger: Choose
    smaller: Choose
    floor: Callable[[Any], Any]
    ceil: Callable[[Any], Any]


ARRAYS = Arithmetic(np.maximum, np.minimum, np.floor, np.ceil)
FLOATS = Arithmetic(max, min, math.floor, math.ceil)


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
    """One micro-batch as the fullest rank sees it, and as all ranks together see it.

    Args:
        shape: the rank's rows, those that fill up a captured graph among them.
        meeting: the mean rank's, which meet those of others where experts are.
        attending: the rank's own rows alone: kernels over caches and states skip the others.
        turns: how often it goes round.
    """

    shape: StepShape
    meeting: StepShape
    attending: StepShape
    turns: Turns


class Share(NamedTuple):
    """What the fullest rank of a replica gets of one micro-batch of a step.

    Args:
        passes: micro-batches that follow each other through the pipeline.
        halves: see ``Turns``.
        decoding: sequences that decode.
        prompts: prompts of which a chunk is processed.
        chunk: new tokens of each.
        past: tokens cached before it.
        sampling: prompts that end here.
        parts: ranks times rounds; the mean rank's share of a step is one of so many.
    """

    passes: Any
    halves: Any
    decoding: Any
    prompts: Any
    chunk: Any
    past: Any
    sampling: Any
    parts: Any


def share_of_step(
    layout: Layout,
    decoding: NumberT,
    prompts: NumberT,
    tokens: NumberT,
    past: NumberT,
    sampling: NumberT,
    calculate: Arithmetic,
) -> Share:
    """Split steps of a replica into what its fullest rank does.

    ``decoding`` sequences and ``prompts`` chunks of ``tokens`` new tokens behind ``past`` cached
    ones, of which ``sampling`` end here: numbers or arrays, as ``calculate`` has it. Sequences are
    not split (but for context parallelism), so that one prompt among eight data-parallel ranks
    keeps one of them busy while seven wait, unless the engine balances.
    """
    larger, smaller, floor, ceil = calculate
    per_rank = larger((decoding + prompts) / layout.dp, 1.0)
    passes = smaller(float(layout.pp), floor(per_rank))
    halves = 1.0
    if layout.two_batch_overlap:
        halves = larger(1.0, smaller(2.0, floor(per_rank / passes)))
    rounds = passes * halves
    ways = layout.dp * rounds
    prefilling = prompts / ways
    whole = ceil(prefilling)
    chunk = tokens / layout.cp
    return Share(
        passes,
        halves,
        ceil(decoding / (ways * layout.cp)),
        prefilling if layout.balanced_prefill else whole,
        chunk,
        # Tokens of a chunk are dealt out so that every rank attends to equally many pairs.
        past + (tokens - chunk) / 2,
        smaller(ceil(sampling / ways), whole),
        layout.batch_ways * rounds,
    )


def rank_step(shape: StepShape, layout: Layout) -> RankStep:
    """Steps of a replica as its ranks see them; see ``share_of_step``."""
    if layout.is_whole:
        return RankStep(shape, shape, shape, ONE_TURN)
    mine = share_of_step(
        layout,
        shape.decode_sequences,
        shape.prefill_sequences,
        shape.prefill_tokens,
        shape.prefill_past,
        shape.prefill_logits,
        ARRAYS,
    )
    own = StepShape(
        mine.decoding, shape.decode_context, mine.prompts, mine.chunk, mine.past, mine.sampling,
        shape.decode_width, shape.decode_sampled,
    )  # fmt: skip
    meeting = replace(
        shape,
        decode_sequences=shape.decode_sequences / mine.parts,
        prefill_sequences=shape.prefill_sequences / mine.parts,
        prefill_logits=shape.prefill_logits / mine.parts,
    )
    fill = meeting.tokens / np.maximum(own.tokens, 1e-9)
    return RankStep(own, meeting, own, Turns(mine.passes, mine.halves, fill))


def placed(op: Operator, step: RankStep, layout: Layout) -> list[tuple[Operator, StepShape]]:
    """The operator and the shape by which one device pays for it.

    Experts see the rows of all ranks that meet there (their law multiplies the mean rank's by
    the number of ranks); everything else sees the fullest rank's own. Where a sequence's cache
    is spread over ranks, each of them decodes all their rows against its part of it.
    """
    if isinstance(op, Experts):
        return [(op, step.meeting)]
    if op.driver != "context":
        return [(op, step.shape)]
    shape = step.attending
    if layout.cache_ways == 1 or not isinstance(op, AttentionCore | LatentCore | Indexer):
        return [(op, shape)]
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
