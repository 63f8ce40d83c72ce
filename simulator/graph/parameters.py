"""Counting a model's parameters from its shapes, and comparing with what is published."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from simulator.graph.attention import attention_block
from simulator.graph.block import BF16, NATIVE_CACHE, Block, BlockContext
from simulator.graph.embedding import lookup_block
from simulator.graph.feedforward import feedforward_block
from simulator.graph.operator import Experts, Lookup, Matmul, Operator
from simulator.graph.residual import residual_block
from simulator.specs.model import Layer, Model
from simulator.specs.quantity import Quantity


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """Parameters of a whole model, and those that one token uses.

    Args:
        total: the decoder: layers, embedding, head, and tables that layers look up.
        active: as ``total`` without experts that a token does not visit, without looked-up
            tables, and with the output head but not the input embedding's rows.
        embedding: the vocabulary's table, once.
        tied: whether that table is the output head too.
        lookup: the part of ``total`` in tables that layers look up.
        vision, draft: encoder and multi-token prediction, in neither of the two.
    """

    total: int
    active: int
    embedding: int
    tied: bool = False
    lookup: int = 0
    vision: int = 0
    draft: int = 0

    def active_as(self, convention: str) -> int:
        """``active`` as publishers count it.

        ``head`` counts the output head, ``embeddings`` the input embedding too, ``body``
        neither.
        """
        left_out = {"body": self.embedding, "head": 0, "embeddings": -self._second_table}
        return self.active - left_out[convention]

    def total_as(self, convention: str) -> int:
        """``total`` as publishers count it, by the same conventions."""
        tables = self.embedding + self._second_table
        left_out = {"body": tables, "head": self._second_table, "embeddings": 0}
        return self.total - left_out[convention]

    @property
    def _second_table(self) -> int:
        """The input embedding, where it is not the output head."""
        return 0 if self.tied else self.embedding


def blocks_of(layer: Layer) -> tuple[Block, ...]:
    """The parts of a layer, in the order in which they run."""
    lookup = () if layer.lookup is None else (lookup_block(layer.lookup),)
    return (
        *lookup,
        attention_block(layer.attention),
        feedforward_block(layer.feedforward),
        residual_block(layer.residual),
    )


def count_parameters(model: Model) -> ParameterCount:
    """Count a model's parameters from its shapes."""
    total = active = lookup = 0
    for layer, count in Counter(model.layers).items():
        of_layer = _layer(layer, model.hidden_size)
        total += count * of_layer.total
        active += count * of_layer.active
        lookup += count * of_layer.lookup
    embedding = model.vocabulary * model.hidden_size
    tables = embedding if model.tied_embeddings else 2 * embedding
    norm = model.hidden_size
    return ParameterCount(
        total=total + tables + norm,
        active=active + embedding + norm,
        embedding=embedding,
        tied=model.tied_embeddings,
        lookup=lookup,
        vision=_vision(model),
        draft=_draft(model),
    )


def in_operators(operators: Iterable[Operator]) -> int:
    """Weights of matrix products and experts, whole (not spread over devices)."""
    return sum(op.count * op.parameters for op in operators if isinstance(op, Matmul | Experts))


def _layer(layer: Layer, hidden: int) -> ParameterCount:
    context = BlockContext(hidden, BF16, BF16, NATIVE_CACHE, 1)
    total = active = layer.norms * hidden
    lookup = 0
    for block in blocks_of(layer):
        extra = block.extra_parameters(hidden)
        total += extra
        active += extra - block.idle_parameters(hidden)
        for op in block.operators(context):
            if isinstance(op, Matmul):
                total += op.count * op.parameters
                active += op.count * op.parameters
            elif isinstance(op, Experts):
                total += op.count * op.parameters
                active += op.count * op.parameters * op.top_k // op.experts
            elif isinstance(op, Lookup):
                lookup += op.count * op.parameters
    return ParameterCount(total + lookup, active, 0, lookup=lookup)


def _vision(model: Model) -> int:
    from simulator.graph.vision import encoder_parameters

    return 0 if model.vision is None else encoder_parameters(model.vision)


def _draft(model: Model) -> int:
    """Each module: its layer, three norms, and the product that joins it with the embedding."""
    if model.draft is None:
        return 0
    hidden = model.hidden_size
    joined = 2 * hidden * hidden if model.draft.joins_embedding else 0
    one = _layer(model.draft.layer, hidden).total + joined + 3 * hidden
    return model.draft.modules * one


@dataclass(frozen=True, slots=True)
class Comparison:
    """A published figure beside the one counted from the shapes.

    ``within_rounding``: the counted figure lies in the interval that the published one was
    rounded from.
    """

    what: str
    counted: float
    published: float
    within_rounding: bool

    @property
    def error(self) -> float:
        """Relative difference of the counted figure from the published one."""
        return self.counted / self.published - 1


def compare_published(model: Model) -> list[Comparison]:
    """What the publisher says of a model's size, beside what its shapes give."""
    from simulator.graph.build import build

    said = model.published
    count = count_parameters(model)
    total = count.total_as(said.total_convention)
    total += count.vision if "vision" in said.total_includes else 0
    total += count.draft if "draft" in said.total_includes else 0
    graph = build(model, kv="native")
    pairs: list[tuple[str, float, Quantity | None]] = [
        ("parameters", total, said.parameters),
        ("active parameters", count.active_as(said.active_convention), said.active_parameters),
        ("KV bytes per token", graph.kv_bytes_per_token, said.kv_bytes_per_token),
        ("state bytes", graph.state_bytes_per_sequence, said.state_bytes),
    ]
    return [
        Comparison(what, counted, float(figure), _holds(figure, counted))
        for what, counted, figure in pairs
        if figure is not None
    ]


def _holds(figure: Quantity, value: float) -> bool:
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    return low <= value <= high
