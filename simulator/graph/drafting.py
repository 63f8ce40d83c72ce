"""What drafts tokens for a model, as operators: layers and heads beside it, or a smaller model."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from simulator.graph.block import BlockContext, product
from simulator.graph.build import Graph, build, surroundings
from simulator.graph.operator import Elementwise, Matmul, Operator
from simulator.graph.parallel import Layout, shard
from simulator.specs.kinds.grouped_query import SharedKeyAttention
from simulator.specs.model import Layer, Model


@dataclass(frozen=True, slots=True)
class Beside:
    """Layers that run on a model's hidden states, on its devices.

    Args:
        layers: they, one after another.
        joined: rows of the model's width that one product makes a single one of; 0 where there
            is no such product.
        sees_embedding: whether the attention reads the next token's embedding beside its row.
        vocabulary: tokens of an output head of its own; None shares the model's head.
    """

    layers: tuple[Layer, ...]
    joined: int = 0
    sees_embedding: bool = False
    vocabulary: int | None = None


def beside(model: Model, what: Beside, layout: Layout, weights: str, kv: str) -> Graph:
    """The graph of layers beside ``model``; the embedding, and a shared head, take no bytes.

    The layers are sharded as the model's are, and all in its last pipeline stage.

    Raises:
        InputError: the layout cannot hold their shapes.
    """
    layout = layout.model_copy(update={"pp": 1, "stage_layers": None})
    like = model.model_copy(
        update={
            "layers": what.layers,
            "vocabulary": what.vocabulary or model.vocabulary,
            "learned_positions": 0,
            "vision": None,
        }
    )
    graph = build(like, layout, weights, kv)
    context = surroundings(model, weights, kv, layout)
    operators = [*_joining(what, context), *_embedding_columns(like, what, layout, context)]
    operators += graph.operators
    shared = () if what.vocabulary is not None else ("head",)
    held = sum(_held(op, shared) for op in operators)
    norms = sum(layer.norms for layer in what.layers) + what.joined
    return replace(
        graph,
        operators=tuple(operators),
        weight_bytes=held + 2.0 * norms * model.hidden_size,
    )


def _joining(what: Beside, context: BlockContext) -> list[Operator]:
    """Each row normed, and one product over all of them; every device does all of it."""
    if not what.joined:
        return []
    row = context.hidden * context.activation_bytes
    return [
        Elementwise(
            name="draft.norm",
            role="norm",
            bytes_per_row=2.0 * row * what.joined,
            kernels=what.joined,
        ),
        product("draft.join", context.hidden, what.joined * context.hidden, context),
    ]


def _embedding_columns(
    like: Model, what: Beside, layout: Layout, context: BlockContext
) -> list[Operator]:
    """The part of the attention's projection that reads the embedding."""
    if not what.sees_embedding:
        return []
    return [
        product("draft.embedding", sum(layer.attention.projected), context.hidden, context)
        for layer in shard(like, layout).layers
        if isinstance(layer.attention, SharedKeyAttention)
    ]


def heads(model: Model, count: int, layout: Layout, weights: str) -> Graph:
    """``count`` heads, each a product that keeps the width, and an output head (Medusa).

    They read the last hidden state and have no cache.
    """
    layout = layout.model_copy(update={"pp": 1, "stage_layers": None})
    context = surroundings(model, weights, None, layout)
    row = context.hidden * context.activation_bytes
    operators: tuple[Operator, ...] = (
        replace(product("draft.block", context.hidden, context.hidden, context), count=count),
        Elementwise(
            name="draft.activation", role="activation", bytes_per_row=3.0 * row, count=count
        ),
        Matmul(
            name="draft.head",
            role="head",
            n=-(-model.vocabulary // layout.tp),
            k=context.hidden,
            precision=context.linear,
            rows="logits",
            count=count,
        ),
        Elementwise(
            name="draft.sample",
            role="sampling",
            bytes_per_row=12.0 * model.vocabulary,
            kernels=3,
            rows="logits",
            count=count,
        ),
    )
    return Graph(
        operators=operators,
        weight_bytes=sum(_held(op) for op in operators),
        kv_bytes_per_token=0.0,
        state_bytes_per_sequence=0.0,
        layout=layout,
        layer_groups=(),
        kv_bytes_per_value=2.0,
    )


def _held(op: Operator, without: Iterable[str] = ()) -> float:
    left_out = isinstance(op, Matmul) and op.role in without
    return 0.0 if left_out else op.count * op.held_bytes


def with_drafting(graph: Graph, held: Graph, times: int = 1) -> Graph:
    """A model's graph that also counts the bytes of what drafts, held ``times`` on its devices.

    Weights, cache and state are added where the model has most of each, so that no device holds
    more.
    """
    groups = tuple((layer, times * count) for layer, count in held.layer_groups)
    return replace(
        graph,
        weight_bytes=graph.weight_bytes + times * held.weight_bytes + held.table_bytes,
        kv_bytes_per_token=graph.kv_bytes_per_token + times * held.kv_bytes_per_token,
        state_bytes_per_sequence=graph.state_bytes_per_sequence
        + times * held.state_bytes_per_sequence,
        layer_groups=(*graph.layer_groups, *groups),
    )
