"""How much operators compute and move in a step: the numerator of every roofline.

Counted, not timed, and counted once, by the operators themselves: the loads of the cost laws,
their energy and every printed intensity take FLOPs and bytes from here.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from simulator.graph.operator import FloatArray, KindOfBytes, Operator, Work
from simulator.graph.step_shape import StepShape


def work(operator: Operator, step: StepShape, activation_bits: float | None = None) -> Work:
    """What all instances of an operator do in a step; see ``Operator.work``."""
    return operator.work(step, activation_bits).times(operator.count)


def traffic(operators: Iterable[Operator], step: StepShape) -> Mapping[KindOfBytes, FloatArray]:
    """Bytes that the operators of a step move, by what they are."""
    return sum((work(op, step) for op in operators), start=Work(np.zeros_like(step.tokens))).moved
