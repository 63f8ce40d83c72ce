"""What every operator of a step says of itself: what it works on, computes and moves."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.graph.step_shape import StepShape

FloatArray = NDArray[np.float64]

Rows = Literal["tokens", "logits"]
Driver = Literal["tokens", "logits", "context"]
"""What an operator's cost hangs on: rows of the step, sampling rows, or each sequence's context."""

KindOfBytes = Literal["weights", "cache", "state", "tables", "activations"]

WIDE_BITS = 16.0
"""Bits of a written result, and of a row that a device cannot multiply in fewer."""


@dataclass(frozen=True, slots=True)
class Work:
    """FLOPs of matrix work and bytes of main memory; a kind of bytes that is absent is none."""

    flops: FloatArray
    moved: Mapping[KindOfBytes, FloatArray] = field(default_factory=dict)

    @property
    def memory_bytes(self) -> FloatArray:
        """All bytes together."""
        return sum(self.moved.values(), start=np.zeros_like(self.flops))

    def times(self, count: float) -> "Work":
        """``count`` runs of the same."""
        return Work(self.flops * count, {kind: size * count for kind, size in self.moved.items()})

    def __add__(self, other: "Work") -> "Work":
        """Both, one after the other."""
        moved = dict(self.moved)
        for kind, size in other.moved.items():
            moved[kind] = moved[kind] + size if kind in moved else size
        return Work(self.flops + other.flops, moved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator(ABC):
    """One kind of work; how long it takes is the roofline's business.

    Args:
        name: what people call it.
        count: how often it runs in one step (usually once a layer).
    """

    name: str
    count: int = 1

    @property
    @abstractmethod
    def driver(self) -> Driver:
        """What its cost hangs on."""

    @property
    def compute_datatype(self) -> str | None:
        """Datatype of the matrix unit that it uses; None where it only moves bytes."""
        return None

    @property
    def parameters(self) -> int:
        """Weights of one instance, whole (not spread over devices)."""
        return 0

    @property
    def active_parameters(self) -> int:
        """Those of ``parameters`` that one token uses."""
        return self.parameters

    @property
    def held_bytes(self) -> float:
        """Bytes of the weights of one instance that one device holds."""
        return 0.0

    @abstractmethod
    def work(self, step: StepShape, activation_bits: float | None = None) -> Work:
        """What one instance does in a step, on the fullest device of its replica.

        Bytes are those that pass main memory even if nothing is read twice. Products read their
        rows at ``activation_bits`` a value, as their precision says if None.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOperator(Operator):
    """An operator that treats each row alone: all tokens of a step, or those that sample."""

    rows: Rows = "tokens"

    @property
    def driver(self) -> Driver:
        """See ``Operator``."""
        return self.rows

    def rows_in(self, step: StepShape) -> FloatArray:
        """Rows of the step that it works on."""
        return step.tokens if self.rows == "tokens" else step.logit_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextOperator(Operator):
    """An operator whose decoding and prefilling rows do different work."""

    @property
    def driver(self) -> Driver:
        """See ``Operator``."""
        return "context"

    @abstractmethod
    def phases(self, step: StepShape) -> tuple[Work, Work]:
        """What one instance does for the decoding, and for the prefilling rows."""

    def work(self, step: StepShape, activation_bits: float | None = None) -> Work:
        """See ``Operator``."""
        decode, prefill = self.phases(step)
        return decode + prefill
