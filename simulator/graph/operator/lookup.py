"""Rows of large tables."""

from dataclasses import dataclass

import numpy as np

from simulator.graph.operator.base import Driver, Operator, Work
from simulator.graph.step_shape import StepShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup(Operator):
    """Rows gathered from a large table whose addresses are known from the tokens alone.

    The table may lie in device memory or on the host; since the addresses need no computing,
    a fetch from the host can run during the ``earlier_layers`` before it.
    """

    table_parameters: int
    bytes_per_value: float
    rows_per_token: int
    row_bytes: float
    earlier_layers: int = 0

    @property
    def table_bytes(self) -> float:
        """Bytes of the whole table of one instance."""
        return self.table_parameters * self.bytes_per_value

    @property
    def bytes_per_row(self) -> float:
        """Bytes fetched for each token."""
        return self.rows_per_token * self.row_bytes

    @property
    def driver(self) -> Driver:
        """See ``Operator``."""
        return "tokens"

    def work(self, step: StepShape, activation_bits: float | None = None) -> Work:
        """See ``Operator``: rows are read from the table and written where the layer finds them."""
        moved = step.tokens * self.bytes_per_row
        return Work(np.zeros_like(moved), {"tables": moved, "activations": moved})
