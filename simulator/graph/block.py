"""What a block of a layer must be able to say of itself, and what it is told."""

from dataclasses import dataclass
from typing import Protocol

from simulator.graph.operator import FloatArray, Operator
from simulator.specs.precision import Precision, precision

BF16 = precision("bf16")


@dataclass(frozen=True, slots=True)
class BlockContext:
    """The surroundings of a block: widths, storage and how often it occurs.

    Args:
        hidden: width of the residual stream.
        linear: precision of the attention and dense weights.
        experts: precision of routed experts' weights.
        kv_bytes_per_value: bytes of one cached value.
        count: equal blocks in the model.
    """

    hidden: int
    linear: Precision
    experts: Precision
    kv_bytes_per_value: float
    count: int

    @property
    def activation_bytes(self) -> int:
        """Bytes of one value of the residual stream; engines keep it in 16 bits."""
        return 2


class Block(Protocol):
    """A part of a layer: an attention kind or a feed-forward kind."""

    def operators(self, context: BlockContext) -> list[Operator]:
        """All that the block computes and moves in one step."""

    def extra_parameters(self, hidden: int) -> int:
        """Parameters outside matrix products (norms, biases, gates)."""


class AttentionBlock(Block, Protocol):
    """A block that remembers: it also knows its cache."""

    def kv_values_per_token(self) -> float:
        """Values cached for each further token, once a sequence is long."""

    def kv_values(self, context_tokens: FloatArray) -> FloatArray:
        """Values cached for a sequence of ``context_tokens`` (less than linear for windows)."""

    def state_bytes(self) -> float:
        """Bytes of fixed state kept for each sequence, whatever its length."""


def quantise(name: str, width: int, context: BlockContext, linear: Precision) -> list[Operator]:
    """The kernel that converts ``width`` activations a row before a quantised product, if any."""
    from simulator.graph.operator import Elementwise

    if not linear.quantises_activations:
        return []
    moved = width * (context.activation_bytes + linear.activation_bits / 8)
    return [Elementwise(f"{name}.quantise", moved, count=context.count)]
