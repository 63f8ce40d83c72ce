"""A model's architecture, whatever file it came from: layers made of parts, each of some kind."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from simulator.specs.kinds.feedforward import NoFeedforward
from simulator.specs.kinds.kind import (
    AttentionKind,
    FeedforwardKind,
    Kind,
    LookupKind,
    ResidualKind,
    Size,
)
from simulator.specs.kinds.nothing import NoAttention
from simulator.specs.kinds.residual import PARTS, PlainResidual
from simulator.specs.quantity import Bytes, Count, Number, Spec, Whole
from simulator.specs.stored import Stored


class Layer(Spec):
    """One transformer block; equal blocks need not be adjacent.

    Args:
        attention: how tokens of a sequence see each other.
        feedforward: what happens to each token alone.
        residual: how the two are added to the stream (plain, or several mixed streams).
        lookup: a table that the token's own text addresses, if the layer has one.
        norms: norms of the width of the residual stream.
        stored: products whose weights are not stored as the model's ``weight_precision`` says.
    """

    attention: SerializeAsAny[AttentionKind]
    feedforward: SerializeAsAny[FeedforwardKind]
    residual: SerializeAsAny[ResidualKind] = PlainResidual()
    lookup: SerializeAsAny[LookupKind] | None = None
    norms: Whole = Field(default=2, ge=0, le=1000)
    stored: Stored = ()

    @property
    def parts(self) -> tuple[Kind, ...]:
        """All parts, in the order in which they run."""
        lookup = () if self.lookup is None else (self.lookup,)
        return (*lookup, self.attention, self.feedforward, self.residual)

    @property
    def additions(self) -> int:
        """How often the layer adds to the residual stream: once where one half is missing."""
        missing = (
            isinstance(self.attention, NoAttention),
            isinstance(self.feedforward, NoFeedforward),
        )
        return PARTS - sum(missing)


MOST_LAYERS = 2000
"""Ten times the deepest model there is; every layer costs time to look at."""


class LayerGroup(Layer):
    """``repeat`` equal layers, as a model file writes them."""

    repeat: Annotated[Size, Field(le=MOST_LAYERS)] = 1

    def unrolled(self) -> list[Layer]:
        """The layers one by one."""
        layer = Layer(
            attention=self.attention,
            feedforward=self.feedforward,
            residual=self.residual,
            lookup=self.lookup,
            norms=self.norms,
            stored=self.stored,
        )
        return [layer] * self.repeat


Merger = Literal["mlp", "linear", "two", "narrow", "gated"]


class VisionEncoder(Spec):
    """A vision transformer whose patches, merged in squares, become tokens of the decoder.

    Args:
        merge: patches along each side of the square that becomes one token.
        merger: what projects a square to a token: two matrices, the first as wide as the square
            (``mlp``); one (``linear``); two, both as wide as the token (``two``); one to the
            encoder's width before those two (``narrow``, Pixtral); or one to the token's width,
            one more, and a gated MLP of ``merger_width`` (``gated``, GLM-4V).
        taps: inner layers whose output is projected to the decoder as well (DeepStack).
        positions: learned position vectors.
        precision: how its products are stored.
    """

    layers: Size
    hidden_size: Size
    heads: Size
    attention_size: Size | None = None
    width: Size
    gated: bool = False
    bias: bool = True
    patch_size: Size
    channels: Size = 3
    frames_per_patch: Size = 1
    merge: Size = 1
    out_size: Size
    merger: Merger = "mlp"
    merger_width: Size | None = None
    taps: Whole = Field(default=0, ge=0, le=1000)
    positions: Whole = Field(default=0, ge=0, le=1_000_000_000)
    precision: str = "bf16"

    @model_validator(mode="after")
    def _heads_have_a_size(self) -> "VisionEncoder":
        width = self.attention_size or self.hidden_size
        if width < self.heads:
            raise ValueError(f"{self.heads} heads are more than a width of {width} can have")
        return self

    def tokens(self, width_pixels: int, height_pixels: int) -> int:
        """Tokens that an image of this size takes in the decoder's context."""
        side = self.patch_size * self.merge
        return max(1, round(width_pixels / side)) * max(1, round(height_pixels / side))

    def patches(self, width_pixels: int, height_pixels: int) -> int:
        """Rows that the encoder itself computes for an image of this size."""
        return self.tokens(width_pixels, height_pixels) * self.merge**2


class Draft(Spec):
    """Multi-token prediction: ``modules`` extra layers that each draft one further token.

    Publishers usually leave them out of the parameter count; so does the project.
    """

    modules: Size
    layer: Layer
    joins_embedding: bool = True


Convention = Literal["head", "embeddings", "body"]


class Published(Spec):
    """What the publisher says of the model, to be checked against the shapes.

    Args:
        parameters: the total. A figure rounded to few digits carries ``low`` and ``high``.
        total_includes: what it counts beside the decoder.
        active_parameters: parameters that one token uses.
        total_convention, active_convention: whether a figure counts the output head alone
            (``head``), the input embedding as well (``embeddings``), or neither (``body``).
        kv_bytes_per_token: cache growth a token of a long sequence, as the publisher stores it.
        state_bytes: fixed state of one sequence.
    """

    parameters: Count | None = None
    total_includes: tuple[Literal["vision", "draft"], ...] = ()
    total_convention: Convention = "embeddings"
    active_parameters: Count | None = None
    active_convention: Convention = "head"
    kv_bytes_per_token: Bytes | None = None
    state_bytes: Bytes | None = None


class Model(Spec):
    """A decoder as shapes.

    Args:
        learned_positions: positions that have a learned vector each, added to the embedding.
        weight_precision: how the published checkpoint stores it.
        stored: how it stores the embedding and the head, where the precision does not tell.
        cache_precision: how the checkpoint wants its cache to be stored, if it names a format.
        stored_bytes: what all tensors in the checkpoint's files take, where those are at hand.
        assumptions: what the reader of its file took for granted, as sentences for the user.
    """

    name: str
    title: str
    hidden_size: Size
    vocabulary: Size
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=MOST_LAYERS)
    max_context: Size
    tied_embeddings: bool = False
    learned_positions: Whole = Field(default=0, ge=0, le=1_000_000_000)
    weight_precision: str = "bf16"
    stored: Stored = ()
    cache_precision: str | None = None
    stored_bytes: Number | None = Field(default=None, gt=0, le=1e18)
    vision: VisionEncoder | None = None
    draft: Draft | None = None
    published: Published = Published()
    source: str | None = None
    hypothetical: bool = False
    notes: str | None = None
    assumptions: tuple[str, ...] = ()

    @field_validator("layers")
    @classmethod
    def _equal_ones_are_one(cls, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        known: dict[Layer, Layer] = {}
        return tuple(known.setdefault(layer, layer) for layer in layers)


def stored_otherwise(model: Model, of_layer: Callable[[int, Layer], Stored], ends: Stored) -> Model:
    """``model`` with other formats: of each layer's products by its place, and of its two ends.

    Equal layers are one object again.
    """
    known: dict[Layer, Layer] = {}
    layers = []
    for place, layer in enumerate(model.layers):
        stored = of_layer(place, layer)
        found = layer if stored == layer.stored else layer.model_copy(update={"stored": stored})
        layers.append(known.setdefault(found, found))
    return model.model_copy(update={"layers": tuple(layers), "stored": ends})


def counted(layers: Sequence[Layer]) -> list[tuple[Layer, int]]:
    """How often each layer stands among ``layers``, in the order in which they first come.

    Equal layers of a model are one object, so that nothing is compared here.
    """
    times = Counter(map(id, layers))
    first = {id(layer): layer for layer in layers}
    return [(layer, times[place]) for place, layer in first.items()]


class Alias(Spec):
    """Another model of the same shapes, called ``name``, and what it has otherwise.

    Args:
        max_context: its own length.
        weight_precision, cache_precision: how its checkpoint stores weights and wants its cache.
    """

    name: str
    max_context: Size | None = None
    weight_precision: str | None = None
    cache_precision: str | None = None

    @model_validator(mode="after")
    def _differs(self) -> "Alias":
        if not self.otherwise:
            raise ValueError("says nothing but a name: write it without braces")
        return self

    @property
    def otherwise(self) -> dict[str, object]:
        """The fields in which it differs."""
        return self.model_dump(exclude={"name"}, exclude_none=True)


class ModelFile(Spec):
    """A file in ``models/``: a Hugging Face ``config``, or the project's own ``layers``.

    Exactly one of the two is given. ``family`` describes the conventions of a ``config`` whose
    family is not known, as a file of ``specs/model_families`` does. ``layers`` goes with
    ``hidden_size``, ``vocabulary`` and ``max_context``, and names for each group of layers the
    kinds of its parts.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.\-]*$")
    title: str
    aliases: tuple[str | Alias, ...] = ()
    source: str
    published: Published = Published()
    hypothetical: bool = False
    notes: str | None = None
    config: dict[str, Any] | None = None
    family: dict[str, Any] | None = None
    hidden_size: Size | None = None
    vocabulary: Size | None = None
    max_context: Size | None = None
    tied_embeddings: bool = False
    weight_precision: str = "bf16"
    vision: VisionEncoder | None = None
    draft: Draft | None = None
    layers: list[LayerGroup] | None = None

    @field_validator("layers")
    @classmethod
    def _not_endless(cls, layers: list[LayerGroup] | None) -> list[LayerGroup] | None:
        count = sum(group.repeat for group in layers or ())
        if layers is not None and not 1 <= count <= MOST_LAYERS:
            raise ValueError(f"must be 1 to {MOST_LAYERS} layers in all, found {count}")
        return layers

    @model_validator(mode="after")
    def _one_form(self) -> "ModelFile":
        if (self.config is None) == (self.layers is None):
            raise ValueError("give either config (Hugging Face) or layers (the project's own)")
        if self.family is not None and self.config is None:
            raise ValueError("family says how to read a config: give config, not layers")
        if self.layers is not None and None in (
            self.hidden_size,
            self.vocabulary,
            self.max_context,
        ):
            raise ValueError("layers needs hidden_size, vocabulary and max_context beside it")
        return self
