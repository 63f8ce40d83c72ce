"""Matrix products."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.graph.operator.base import WIDE_BITS, TokenOperator, Work
from simulator.graph.step_shape import StepShape
from simulator.specs.precision import Precision

ProductRole = Literal["projection", "router", "shared_expert", "head"]
"""What a product is for; shared experts can run beside the routed ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matmul(TokenOperator):
    """``rows`` × k times k × n, with weights of ``precision``; ``groups`` independent products."""

    role: ProductRole = "projection"
    n: int
    k: int
    precision: Precision
    groups: int = 1

    @property
    def parameters(self) -> int:
        """Weights of one instance."""
        return self.groups * self.n * self.k

    @property
    def compute_datatype(self) -> str:
        """See ``Operator``."""
        return self.precision.compute

    @property
    def held_bytes(self) -> float:
        """See ``Operator``."""
        return self.parameters * self.precision.weight_bytes

    def work(self, step: StepShape, activation_bits: float | None = None) -> Work:
        """See ``Operator``: weights, rows in and rows out."""
        rows, narrow = self.rows_in(step), activation_bits or self.precision.activation_bits
        used = np.where(rows > 0, self.parameters * self.precision.weight_bits / 8.0, 0.0)
        moved = rows * self.groups * (self.k * narrow + self.n * WIDE_BITS) / 8.0
        return Work(2.0 * rows * self.parameters, {"weights": used, "activations": moved})
