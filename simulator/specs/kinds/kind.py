"""What every kind of part says of itself: its fields, and what follows from its shapes alone.

A layer names its parts by their role (attention, feed-forward, residual stream, table). Each
role has a base class here; reading a mapping as that base gives the class of its ``kind``.
"""

from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, model_validator
from pydantic_core import PydanticCustomError

from simulator.errors import InputError, nearest
from simulator.extensions import extension, extension_names
from simulator.specs.precision import CacheFormat
from simulator.specs.quantity import Spec, Whole

FloatArray = NDArray[np.float64]

Size = Annotated[Whole, Field(gt=0, le=1_000_000_000)]


class Kind(Spec):
    """A part of a layer. Its fields are what a model file may write beside ``kind``."""

    # Of twenty kinds a model names two or three: the others' schemas are never built.
    model_config = ConfigDict(defer_build=True)

    role: ClassVar[str]
    kind: str

    @classmethod
    def kinds(cls) -> dict[str, type[Self]]:
        """Kind → class, for every subclass that names one."""
        found: dict[str, type[Self]] = {}
        for subclass in cls.__subclasses__():
            if subclass._names_a_kind():
                found[subclass.model_fields["kind"].default] = subclass
            found.update(subclass.kinds())
        return found

    @classmethod
    def of_kind(cls, kind: str) -> type[Self] | None:
        """The class of this role that is called ``kind``, here or in an installed package.

        Raises:
            InputError: what an installed package calls so cannot be used.
        """
        found = cls.kinds().get(kind)
        added = None if found else extension("roofsim.kinds", kind, type)
        if added is None:
            return found
        # Importing the package has defined the class.
        found = cls.kinds().get(kind)
        if found is None:
            raise InputError(
                f"the class {added.__name__} that a package adds as {kind!r} is no {cls.role} "
                "of that kind",
                field="roofsim.kinds",
                remedy="name it as the kind of a class that derives from AttentionBlock",
            )
        return found

    @classmethod
    def schema_of(cls, content: object) -> type[Spec]:
        """See ``Spec``: the class of the kind that ``content`` names."""
        if cls._names_a_kind() or not isinstance(content, dict):
            return cls
        return cls.of_kind(str(content.get("kind"))) or cls

    @classmethod
    def _names_a_kind(cls) -> bool:
        return isinstance(cls.model_fields["kind"].default, str)

    @model_validator(mode="wrap")
    @classmethod
    def _as_its_kind(cls, content: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """A mapping read as a role becomes the class that its ``kind`` names."""
        if cls._names_a_kind() or not isinstance(content, dict):
            return handler(content)
        named = str(content.get("kind", ""))
        found = cls.of_kind(named)
        if found is None:
            known = {*cls.kinds(), *extension_names("roofsim.kinds")}
            raise PydanticCustomError(
                "unknown_kind",
                "nobody defined {role} of kind {named}" if named else "{role} names no kind",
                {"role": cls.role, "named": repr(named), "remedy": nearest(named, known)},
            )
        return found.model_validate(content)

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


class AttentionKind(Kind):
    """How tokens of a sequence see each other, and what is remembered of them."""

    role: ClassVar[str] = "attention"

    def native_bytes(self) -> float:
        """Bytes that a cached value takes on average as the kind by itself stores it."""
        return 2.0

    def cached_heads(self) -> int:
        """KV heads that tensor parallelism divides or copies; 0 where there are none.

        Kinds without KV heads keep one cache that every rank holds (latent attention).
        """
        return 0

    def cache_bytes_per_token(self, cache: CacheFormat) -> float:
        """Cache bytes for each further token, once a sequence is long."""
        return 0.0

    def cache_bytes(self, context_tokens: FloatArray, cache: CacheFormat) -> FloatArray:
        """Cache bytes of a sequence of ``context_tokens`` (less than linear for windows)."""
        return np.asarray(context_tokens, dtype=np.float64) * self.cache_bytes_per_token(cache)

    def state_bytes(self) -> float:
        """Bytes of fixed state kept for each sequence, whatever its length."""
        return 0.0


class FeedforwardKind(Kind):
    """What happens to each token alone."""

    role: ClassVar[str] = "feedforward"

    def spread(self, tp: int, cuts: int) -> Self:
        """The part of one device: dense widths over ``tp``, each expert's over ``cuts``."""
        return self.sharded(tp)


class ResidualKind(Kind):
    """How a layer's parts read and write the residual stream."""

    role: ClassVar[str] = "residual"


class LookupKind(Kind):
    """A table addressed by the tokens themselves, outside the matrix products."""

    role: ClassVar[str] = "lookup"


def divide(count: int, ways: int) -> int:
    """``count`` over ``ways``, rounded up: what the fullest rank holds (at least one)."""
    return max(1, -(-count // ways))
