"""A model's architecture, whatever file it came from: layers of attention and feed-forward."""

from typing import Annotated, Any, Literal

from pydantic import Field

from simulator.specs.quantity import Bytes, Count, Spec

Size = Annotated[int, Field(gt=0)]


class GroupedQueryAttention(Spec):
    """Softmax attention with ``kv_heads`` shared by ``query_heads`` (MHA, GQA and MQA).

    ``window`` keeps only the last tokens (sliding), ``chunk`` only those of the same chunk.
    ``shares_kv`` marks a layer that reads an earlier layer's cache and keeps none of its own.
    """

    kind: Literal["gqa"] = "gqa"
    query_heads: Size
    kv_heads: Size
    head_size: Size
    value_head_size: Size | None = None
    window: Size | None = None
    chunk: Size | None = None
    sinks: bool = False
    bias: bool = False
    output_bias: bool = False
    query_key_norm: bool = False
    gated: bool = False
    shares_kv: bool = False


class LatentAttention(Spec):
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434): one compressed KV per token.

    Decode absorbs the up-projections into the query, so every head reads the same
    ``kv_rank + rope_size`` values.
    """

    kind: Literal["mla"] = "mla"
    query_heads: Size
    query_rank: Size | None = None
    kv_rank: Size
    nope_size: Size
    rope_size: Size
    value_size: Size


class DenseFeedforward(Spec):
    """A gated (gate, up, down) or plain (up, down) MLP."""

    kind: Literal["dense"] = "dense"
    width: Size
    gated: bool = True
    bias: bool = False


class MixtureOfExperts(Spec):
    """Routed experts of which each token takes ``top_k``, plus experts that every token takes."""

    kind: Literal["moe"] = "moe"
    experts: Size
    top_k: Size
    expert_width: Size
    shared_width: int = Field(default=0, ge=0)
    shared_gate: bool = False
    router_bias: bool = False
    gated: bool = True
    bias: bool = False


Attention = Annotated[GroupedQueryAttention | LatentAttention, Field(discriminator="kind")]
Feedforward = Annotated[DenseFeedforward | MixtureOfExperts, Field(discriminator="kind")]


class Layer(Spec):
    """One transformer block; equal blocks need not be adjacent."""

    attention: Attention
    feedforward: Feedforward
    norms: int = Field(default=2, ge=0)


class Published(Spec):
    """What the publisher says of the model, to be checked against the shapes."""

    parameters: Count | None = None
    active_parameters: Count | None = None
    kv_bytes_per_token: Bytes | None = None


class Model(Spec):
    """A decoder as shapes. ``weight_precision`` is how the published checkpoint stores it."""

    name: str
    title: str
    hidden_size: Size
    vocabulary: Size
    layers: tuple[Layer, ...] = Field(min_length=1)
    max_context: Size
    tied_embeddings: bool = False
    weight_precision: str = "bf16"
    published: Published = Published()
    source: str | None = None
    hypothetical: bool = False
    notes: str | None = None


class ModelFile(Spec):
    """A file in ``models/``: a Hugging Face ``config`` with a name, a source and aliases."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.\-]*$")
    title: str
    aliases: list[str] = []
    source: str
    published: Published = Published()
    hypothetical: bool = False
    notes: str | None = None
    config: dict[str, Any]
