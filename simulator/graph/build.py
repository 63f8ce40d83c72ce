"""A model and its layout, put together as the operators that one device runs in one step."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from simulator.errors import InputError
from simulator.graph.block import BlockContext
from simulator.graph.kinds import lower
from simulator.graph.operator import (
    Collective,
    Elementwise,
    FloatArray,
    Lookup,
    Matmul,
    Operator,
)
from simulator.graph.parallel import (
    Layout,
    after_attention,
    after_embedding,
    after_feedforward,
    between_stages,
    context_exchange,
    expert_spread,
    fuses_norms,
    shard,
)
from simulator.graph.vision import encoder_operators, encoder_parameters
from simulator.specs.gguf.mix import MIXES, llama_cpp_mix
from simulator.specs.model import Layer, Model, VisionEncoder, counted, stored_otherwise
from simulator.specs.precision import NATIVE_CACHE, CacheFormat, Precision, precision
from simulator.specs.stored import EMBEDDING, HEAD, resolved


@dataclass(frozen=True, slots=True)
class Graph:
    """What one device computes, stores and sends for one step of the model.

    Args:
        operators: everything that runs, each with its ``count``; with pipeline stages, what
            one device of each stage runs, one after another.
        weight_bytes: weights held by the fullest stage's devices, looked-up tables apart.
        kv_bytes_per_token: cache growth for each token of a long sequence, on such a device.
        state_bytes_per_sequence: fixed state of a sequence (linear attention).
        layout: how the model is sharded.
        layer_groups: the layers whose cache the fullest stage keeps, equal ones together.
        kv_bytes_per_value: bytes of one cached value, where the kind does not tell otherwise.
        cache: how cached values are stored.
        encoder_bytes: the part of ``weight_bytes`` in an encoder of images, on the first stage.
        table_bytes: tables that layers look up (Engram), whole; on the device or on the host.
        stage_share: the slowest pipeline stage's part of a pass, by the weights it reads.
    """

    operators: tuple[Operator, ...]
    weight_bytes: float
    kv_bytes_per_token: float
    state_bytes_per_sequence: float
    layout: Layout
    layer_groups: tuple[tuple[Layer, int], ...]
    kv_bytes_per_value: float
    cache: CacheFormat = NATIVE_CACHE
    encoder_bytes: float = 0.0
    table_bytes: float = 0.0
    stage_share: float = 1.0

    def kv_bytes(self, context_tokens: FloatArray) -> FloatArray:
        """Cache bytes on the device for a sequence of ``context_tokens``, windows respected."""
        tokens = np.asarray(context_tokens, dtype=np.float64)
        total = np.full_like(tokens, self.state_bytes_per_sequence)
        for layer, count in self.layer_groups:
            cached = count * layer.attention.cache_bytes(tokens, self.cache)
            total = total + cached / self.layout.cache_ways
        return total


@dataclass(frozen=True, slots=True)
class _Stage:
    """What a device of one pipeline stage holds, in bytes."""

    groups: tuple[tuple[Layer, int], ...]
    weights: float
    matrices: float
    kv_per_token: float
    state: float


def build(
    model: Model,
    layout: Layout | None = None,
    weights: str | None = None,
    kv: str | None = None,
) -> Graph:
    """The graph of ``model`` as one device of ``layout`` sees it.

    ``weights`` and ``kv`` name the precisions. Without them weights are as the checkpoint
    stores them, and the cache as each kind of attention does (bf16, or DeepSeek's mix of fp8
    latents and bf16 rope keys); ``native`` says the latter in words.

    Raises:
        InputError: the layout cannot hold the model's shapes, a kind of layer is unknown, or a
            precision is.
    """
    layout = layout or Layout()
    model = stored_as(model, weights)
    sharded = shard(model, layout)
    cache = CacheFormat.of(kv)
    context = _context(model, weights or model.weight_precision, cache, layout)
    operators: list[Operator] = [
        _vocabulary_rows(sharded.hidden_size),
        *after_embedding(sharded.hidden_size, layout),
    ]
    for layer, count in counted(sharded.layers):
        operators += _layer_operators(layer, _of_layer(context, layer, count), layout)
    operators += [*between_stages(model, layout), *_head(sharded, layout, context)]
    stages = _stages(sharded, layout, context)
    remembering = max(stages, key=lambda stage: (stage.kv_per_token, stage.state))
    return Graph(
        operators=_merged(operators),
        weight_bytes=max(stage.weights for stage in stages),
        kv_bytes_per_token=remembering.kv_per_token / layout.cache_ways,
        state_bytes_per_sequence=remembering.state,
        layout=layout,
        layer_groups=remembering.groups,
        kv_bytes_per_value=cache.bytes(),
        cache=cache,
        encoder_bytes=0.0 if model.vision is None else _encoder_bytes(model.vision, layout),
        table_bytes=sum(op.count * op.table_bytes for op in operators if isinstance(op, Lookup)),
        stage_share=max(s.matrices for s in stages) / sum(s.matrices for s in stages),
    )


def _stages(sharded: Model, layout: Layout, context: BlockContext) -> list[_Stage]:
    """The stages in order: the first holds encoder and embedding, the last norm and head."""
    table = _head_precision(context) if sharded.tied_embeddings else context.tables
    embedding = table.weight_bytes * sharded.vocabulary * sharded.hidden_size
    positions = 2.0 * sharded.learned_positions * sharded.hidden_size
    head = _weight_bytes(_head(sharded, layout, context))
    encoder = 0.0 if sharded.vision is None else _encoder_bytes(sharded.vision, layout)
    stages = []
    first = 0
    for layers in layout.stages(len(sharded.layers)):
        is_last = first + layers == len(sharded.layers)
        groups = tuple(counted(sharded.layers[first : first + layers]))
        matrices = elsewhere = kv_per_token = state = 0.0
        for layer, count in groups:
            matrices += _weight_bytes(
                _layer_operators(layer, _of_layer(context, layer, count), layout)
            )
            elsewhere += 2.0 * count * _parameters_elsewhere(layer, sharded.hidden_size)
            kv_per_token += count * layer.attention.cache_bytes_per_token(context.cache)
            state += count * layer.attention.state_bytes()
        if is_last:
            matrices += head
            elsewhere += 2.0 * sharded.hidden_size
        # A tied table serves both ends where they are on the same device.
        if first == 0 and not (sharded.tied_embeddings and is_last):
            elsewhere += embedding
        elsewhere += positions + encoder if first == 0 else 0.0
        stages.append(_Stage(groups, matrices + elsewhere, matrices, kv_per_token, state))
        first += layers
    return stages


def build_vision(model: Model, layout: Layout | None = None) -> Graph:
    """The graph of the model's vision encoder; see ``vision.image_step`` for its steps.

    Raises:
        InputError: the model has no encoder.
    """
    if model.vision is None:
        raise InputError(f"{model.name} has no vision encoder", field="model")
    layout = layout or Layout()
    operators = encoder_operators(model.vision, _encoder_ways(model.vision, layout))
    return Graph(
        operators=_merged(operators),
        weight_bytes=_encoder_bytes(model.vision, layout),
        kv_bytes_per_token=0.0,
        state_bytes_per_sequence=0.0,
        layout=layout,
        layer_groups=(),
        kv_bytes_per_value=2.0,
    )


def _encoder_ways(encoder: VisionEncoder, layout: Layout) -> int:
    """Over how many devices it is divided; what tensor parallelism cannot divide is on each."""
    return layout.tp if encoder.heads % layout.tp == 0 else 1


def _encoder_bytes(encoder: VisionEncoder, layout: Layout) -> float:
    """Bytes of the encoder's weights on one device of the first stage."""
    whole = encoder_operators(encoder)
    outside = encoder_parameters(encoder) - sum(op.count * op.parameters for op in whole)
    return _weight_bytes(encoder_operators(encoder, _encoder_ways(encoder, layout))) + 2.0 * outside


def stored_as(model: Model, weights: str | None) -> Model:
    """``model`` with its weights stored as ``weights`` names; as its checkpoint does if None.

    A precision that llama.cpp mixes of several formats is laid out layer by layer.
    """
    name = weights or model.weight_precision
    told = bool(model.stored) or any(layer.stored for layer, _ in counted(model.layers))
    if told and name != model.weight_precision:
        model, told = stored_otherwise(model, lambda _place, _layer: (), ()), False
    return llama_cpp_mix(model, name) if name in MIXES and not told else model


def surroundings(model: Model, weights: str, kv: str | None, layout: Layout) -> BlockContext:
    """What surrounds parts beside a model's own layers, stored as ``weights`` and ``kv`` name.

    Raises:
        InputError: one of them is no precision.
    """
    return _context(stored_as(model, weights), weights, CacheFormat.of(kv), layout)


def _context(model: Model, weights: str, cache: CacheFormat, layout: Layout) -> BlockContext:
    """What all layers share; ``stored`` is that of the model's ends."""
    chosen = precision(weights)
    linear = chosen.dense
    ends = resolved(model.stored)
    return BlockContext(
        model.hidden_size, linear, chosen, cache, count=1, spread=expert_spread(layout),
        tables=ends.get(EMBEDDING, precision(linear.embedding)), stored=ends,
    )  # fmt: skip


def _of_layer(context: BlockContext, layer: Layer, count: int) -> BlockContext:
    """The surroundings of ``count`` layers like ``layer``."""
    return replace(context, count=count, stored=resolved(layer.stored), additions=layer.additions)


def _layer_operators(layer: Layer, context: BlockContext, layout: Layout) -> list[Operator]:
    """The layer's parts in order, each followed by what its devices must exchange."""
    row = context.hidden * context.activation_bytes
    operators: list[Operator] = []
    is_fused = fuses_norms(layout, layer)
    if layer.lookup is not None:
        operators += lower(layer.lookup, context)
    operators += lower(layer.attention, context)
    operators += context_exchange(context, layout, layer)
    operators += after_attention(context, layout, layer)
    operators += lower(layer.feedforward, context)
    operators += after_feedforward(context, layout, layer)
    if not is_fused:
        operators += lower(layer.residual, context)
    apart = layer.norms - min(layer.norms, 2) * is_fused
    shared = layout.tp if layout.sequence_parallel else 1
    norms = Elementwise(
        name="norm",
        role="norm",
        bytes_per_row=2.0 * row * apart / shared,
        kernels=apart,
        count=context.count,
    )
    return [*operators, norms] if apart else operators


def _parameters_elsewhere(layer: Layer, hidden: int) -> int:
    """Parameters of a layer outside matrix products, which are kept in 16 bits."""
    extra = sum(part.extra_parameters(hidden) for part in layer.parts)
    return extra + layer.norms * hidden


def _vocabulary_rows(hidden: int) -> Operator:
    """The input embedding: one row read and written a token."""
    return Elementwise(name="embedding", role="embedding", bytes_per_row=2.0 * 2.0 * hidden)


def _head_precision(context: BlockContext) -> Precision:
    return context.stored.get(HEAD, precision(context.linear.head))


def _head(model: Model, layout: Layout, context: BlockContext) -> list[Operator]:
    """Final norm, output projection of the sampling rows, and the sampler's pass over logits."""
    row = model.hidden_size * 2.0
    head: list[Operator] = [
        Elementwise(name="head.norm", role="norm", bytes_per_row=2 * row, rows="logits"),
        Matmul(
            name=HEAD,
            role="head",
            n=model.vocabulary,
            k=model.hidden_size,
            precision=_head_precision(context),
            rows="logits",
        ),
    ]
    if layout.tp > 1:
        moved = 2.0 * model.vocabulary * layout.tp
        head.append(
            Collective(
                name="head.all_gather",
                kind="all_gather",
                bytes_per_row=moved,
                group=layout.tp,
                rows="logits",
            )
        )
    # The sampler widens the logits to fp32 and passes over them about twice.
    head.append(
        Elementwise(
            name="head.sample",
            role="sampling",
            bytes_per_row=12.0 * model.vocabulary * layout.tp,
            kernels=3,
            rows="logits",
        )
    )
    return head


def with_filter(graph: Graph, vocabulary: int, entry_bytes: float) -> Graph:
    """``graph`` with a pass that leaves the top-k or top-p of the vocabulary to draw from.

    It moves ``entry_bytes`` for each entry on every device, as each samples for itself; where
    that is nothing, so is the pass.
    """
    if not entry_bytes:
        return graph
    head = Elementwise(
        name="head.filter",
        role="sampling",
        bytes_per_row=entry_bytes * vocabulary,
        kernels=_FILTER_KERNELS,
        rows="logits",
    )
    return replace(graph, operators=(*graph.operators, head))


_FILTER_KERNELS = 20
"""About so many: a sort in passes, a softmax, a cumulative sum, masks and a scatter."""


def _weight_bytes(operators: Iterable[Operator]) -> float:
    return sum(op.count * op.held_bytes for op in operators)


def _merged(operators: Iterable[Operator]) -> tuple[Operator, ...]:
    """Operators that differ only in ``count`` become one, so that a step has few terms."""
    counts: dict[Operator, int] = {}
    for op in operators:
        key = replace(op, count=1)
        counts[key] = counts.get(key, 0) + op.count
    return tuple(replace(op, count=count) for op, count in counts.items())


def own_cache_format(model: Model) -> str:
    """How the model's attention stores its cache when nobody chooses: bf16, or ``native``.

    ``native`` is a format of the kind's own, such as DeepSeek V3.2's fp8 latents.
    """
    per_value = {layer.attention.native_bytes() for layer, _ in counted(model.layers)}
    return "bf16" if per_value == {2.0} else "native"
