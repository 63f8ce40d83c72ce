"""What the parts of a layer must be able to say of themselves, and what they are told.

Every kind of part is one class: its fields are what a model file may write beside ``kind``, its
methods say what it computes, stores and moves. A class in the package is found by its ``kind``
alone, so that a new kind is a new class and nothing else.
"""

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Self, TypeVar

import numpy as np
from pydantic import ConfigDict

from simulator.errors import InputError, nearest
from simulator.graph.operator import Elementwise, FloatArray, Operator
from simulator.specs.model import Part
from simulator.specs.precision import Precision, kv_bytes_per_value, precision
from simulator.specs.reading import validate

BlockT = TypeVar("BlockT", bound="Block")

BF16 = precision("bf16")


@dataclass(frozen=True, slots=True)
class CacheFormat:
    """How cached values are stored: as the user chose, or as each kind of attention does itself.

    Args:
        chosen: bytes of one cached value, or None for the kinds' own formats.
    """

    chosen: float | None = None

    @classmethod
    def of(cls, name: str | None) -> "CacheFormat":
        """The format called ``name``; None and ``native`` leave it to the kinds.

        Raises:
            InputError: unknown name; suggests the nearest.
        """
        return cls(None if name in (None, "native") else kv_bytes_per_value(str(name)))

    def bytes(self, native: float = 2.0) -> float:
        """Bytes of one value whose kind by itself stores it in ``native`` bytes."""
        return native if self.chosen is None else self.chosen


NATIVE_CACHE = CacheFormat()
"""Every kind's own format."""


@dataclass(frozen=True, slots=True)
class BlockContext:
    """The surroundings of a part: widths, storage and how often it occurs.

    Args:
        hidden: width of the residual stream.
        linear: precision of the attention and dense weights.
        experts: precision of routed experts' weights.
        cache: how the KV cache is stored.
        count: equal parts in the model.
    """

    hidden: int
    linear: Precision
    experts: Precision
    cache: CacheFormat
    count: int

    @property
    def activation_bytes(self) -> int:
        """Bytes of one value of the residual stream; engines keep it in 16 bits."""
        return 2


class Block(Part):
    """A part of a layer whose kind is known."""

    # Of twenty kinds a model names two or three: the others' schemas are never built.
    model_config = ConfigDict(extra="forbid", defer_build=True)

    role: ClassVar[str]

    @classmethod
    def kinds(cls) -> dict[str, type[Self]]:
        """Kind → class, for every subclass that names one."""
        found: dict[str, type[Self]] = {}
        for subclass in cls.__subclasses__():
            kind = subclass.model_fields["kind"].default
            if isinstance(kind, str):
                found[kind] = subclass
            found.update(subclass.kinds())
        return found

    @classmethod
    def of(cls, part: Part) -> Self:
        """The part as the class of its kind, its fields checked.

        Raises:
            InputError: nobody defined the kind (names the nearest), or a field does not fit it.
        """
        return part if isinstance(part, cls) else _resolved(part, cls)

    @abstractmethod
    def operators(self, context: BlockContext) -> list[Operator]:
        """All that the part computes and moves in one step."""

    def extra_parameters(self, hidden: int) -> int:
        """Parameters outside matrix products (norms, biases, gates)."""
        return 0

    def idle_parameters(self, hidden: int) -> int:
        """Those of ``extra_parameters`` that one token does not use."""
        return 0

    def divisible(self) -> tuple[int, ...]:
        """Counts (of heads, say) that a tensor-parallel degree must divide."""
        return ()

    def sharded(self, tp: int) -> Self:
        """The narrower part that one of ``tp`` ranks holds."""
        return self


@lru_cache(maxsize=4096)
def _resolved(part: Part, base: type[BlockT]) -> BlockT:
    known = base.kinds()
    if part.kind not in known:
        raise InputError(
            f"nobody defined {base.role} of kind {part.kind!r}",
            field=f"layers.{base.role}.kind",
            remedy=nearest(part.kind, known),
        )
    try:
        return validate(known[part.kind], part.model_dump(), None)
    except InputError as error:
        raise InputError(
            error.problem,
            field=f"layers.{base.role}.{error.field or 'kind'}",
            remedy=error.remedy,
        ) from None


class AttentionBlock(Block):
    """A part that remembers: it also knows its cache and its fixed state."""

    role: ClassVar[str] = "attention"

    def cache_bytes_per_token(self, cache: CacheFormat) -> float:
        """Cache bytes for each further token, once a sequence is long."""
        return 0.0

    def cache_bytes(self, context_tokens: FloatArray, cache: CacheFormat) -> FloatArray:
        """Cache bytes of a sequence of ``context_tokens`` (less than linear for windows)."""
        return np.asarray(context_tokens, dtype=np.float64) * self.cache_bytes_per_token(cache)

    def state_bytes(self) -> float:
        """Bytes of fixed state kept for each sequence, whatever its length."""
        return 0.0


class FeedforwardBlock(Block):
    """A part that treats each token alone."""

    role: ClassVar[str] = "feedforward"

    def spread(self, tp: int, dp: int, ep: int) -> Self:
        """The part of one device of tp × dp, with whole experts spread over ``ep`` of them."""
        return self.sharded(tp)


class ResidualBlock(Block):
    """How a layer's parts read and write the residual stream."""

    role: ClassVar[str] = "residual"


class LookupBlock(Block):
    """A table addressed by the tokens themselves, outside the matrix products."""

    role: ClassVar[str] = "lookup"


def quantise(name: str, width: int, context: BlockContext, linear: Precision) -> list[Operator]:
    """The kernel that converts ``width`` activations a row before a quantised product, if any."""
    if not linear.quantises_activations:
        return []
    moved = width * (context.activation_bytes + linear.activation_bits / 8)
    return [
        Elementwise(
            name=f"{name}.quantise", role="quantise", bytes_per_row=moved, count=context.count
        )
    ]


def divide(count: int, ways: int) -> int:
    """``count`` over ``ways``, rounded up: what the fullest rank holds (at least one)."""
    return max(1, -(-count // ways))
