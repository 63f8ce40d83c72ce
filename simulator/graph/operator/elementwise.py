"""Passes over rows."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.graph.operator.base import TokenOperator, Work
from simulator.graph.step_shape import StepShape

PassRole = Literal[
    "embedding",
    "norm",
    "quantise",
    "rope",
    "cache_write",
    "mixing",
    "activation",
    "residual",
    "sampling",
]
"""What a pass over rows is for.

A norm reduces over its whole row before anything behind it can start; a quantisation converts the
activations of the product behind it, and compilers join it to the kernel before it; mixing
combines a token with a few others (short convolutions, pooling, neighbours).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementwise(TokenOperator):
    """Small kernels that only move bytes: norms, rope, cache writes, activations, residuals.

    ``bytes_per_row`` is what all ``kernels`` of one instance move together. ``row_elements`` is
    what one thread block walks through where each row has a block to itself; 0 where the work is
    spread evenly.
    """

    role: PassRole
    bytes_per_row: float
    kernels: int = 1
    row_elements: int = 0

    def work(self, step: StepShape, activation_bits: float | None = None) -> Work:
        """See ``Operator``."""
        moved = self.rows_in(step) * self.bytes_per_row
        return Work(np.zeros_like(moved), {"activations": moved})
