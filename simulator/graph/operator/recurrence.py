"""Recurrent states: linear attention, state spaces."""

from dataclasses import dataclass
from typing import Literal

from simulator.graph.operator.base import ContextOperator, FloatArray, Work
from simulator.graph.step_shape import StepShape

Decay = Literal["scalar", "per_channel"]
"""How a recurrence forgets: one factor a head, or one for each of a head's key channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence(ContextOperator):
    """A fixed state for each sequence, updated token by token (linear attention, state space).

    A step reads and writes ``state_bytes`` once for every sequence in it. Decoding rows follow
    the recurrence itself, prefilling rows its chunkwise form, which does more FLOPs as matrix
    products. Both are linear, so the two add up in a mixed step.
    """

    decay: Decay
    state_bytes: float
    bytes_per_row: float
    decode_flops_per_row: float
    prefill_flops_per_row: float
    kernels: int = 1
    compute: str = "bf16"

    @property
    def compute_datatype(self) -> str:
        """See ``Operator``."""
        return self.compute

    def phases(self, step: StepShape) -> tuple[Work, Work]:
        """See ``ContextOperator``: states are read and written."""

        def of(sequences: FloatArray, rows: FloatArray, flops_per_row: float) -> Work:
            state, moved = 2.0 * self.state_bytes * sequences, self.bytes_per_row * rows
            return Work(rows * flops_per_row, {"state": state, "activations": moved})

        decoding, prompts = step.decode_sequences, step.prefill_sequences
        return (
            of(decoding, step.decode_rows, self.decode_flops_per_row),
            of(prompts, prompts * step.prefill_tokens, self.prefill_flops_per_row),
        )
