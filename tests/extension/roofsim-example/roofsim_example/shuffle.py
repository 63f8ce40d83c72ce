"""An attention kind that shuffles rows, the operator that it is made of, and that one's law."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.graph.block import AttentionBlock, BlockContext
from simulator.graph.operator import Operator, TokenOperator, Work
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.book import LawBook
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.law import LawKind
from simulator.roofline.laws.load import Load, load
from simulator.roofline.laws.rates import Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffle(TokenOperator):
    """Every row is read and written somewhere else."""

    row_bytes: float

    def work(self, step: StepShape, activation_bits: float | None = None) -> Work:
        """See ``Operator``."""
        moved = 2.0 * self.row_bytes * self.rows_in(step)
        return Work(np.zeros_like(moved), {"activations": moved})


class ShuffleMixing(AttentionBlock):
    """Tokens see each other by changing places."""

    kind: Literal["shuffle"] = "shuffle"

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        row_bytes = float(context.hidden * context.activation_bytes)
        return [Shuffle(name="shuffle", row_bytes=row_bytes, count=context.count)]


@dataclass(frozen=True, slots=True)
class ShuffleCalibration:
    """The share of the bandwidth that shuffled rows move at."""

    bandwidth_fraction: float = 0.5


SHUFFLE: LawKind[ShuffleCalibration, None] = LawKind("shuffle", ShuffleCalibration)


@cost.register
def _shuffle(op: Shuffle, shape: StepShape, rates: Rates, book: LawBook) -> list[Load]:
    moved, own = op.work(shape).memory_bytes, rates.bandwidth_bytes_per_s
    time_s = moved / (book.law(SHUFFLE).constants.bandwidth_fraction * own)
    one = load(law=SHUFFLE.name, time_s=time_s, memory_bytes=moved, bandwidth_bytes_per_s=own)
    return [one.times(op.count)]
