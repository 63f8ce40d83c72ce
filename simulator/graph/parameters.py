"""Counting a model's parameters from its shapes."""

from dataclasses import dataclass

from simulator.graph.block import BlockContext
from simulator.graph.kinds import lower
from simulator.graph.operator import Lookup
from simulator.graph.vision import encoder_parameters
from simulator.specs.model import Layer, Model, counted
from simulator.specs.precision import BF16, NATIVE_CACHE


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


def count_parameters(model: Model) -> ParameterCount:
    """Count a model's parameters from its shapes."""
    total = active = lookup = 0
    for layer, count in counted(model.layers):
        of_layer = _layer(layer, model.hidden_size)
        total += count * of_layer.total
        active += count * of_layer.active
        lookup += count * of_layer.lookup
    embedding = model.vocabulary * model.hidden_size
    tables = embedding if model.tied_embeddings else 2 * embedding
    norm = model.hidden_size
    positions = model.learned_positions * model.hidden_size
    return ParameterCount(
        total=total + tables + positions + norm,
        active=active + embedding + norm,
        embedding=embedding,
        tied=model.tied_embeddings,
        lookup=lookup,
        vision=0 if model.vision is None else encoder_parameters(model.vision),
        draft=_draft(model),
    )


def _layer(layer: Layer, hidden: int) -> ParameterCount:
    context = BlockContext(hidden, BF16, BF16, NATIVE_CACHE, 1)
    total = active = layer.norms * hidden
    lookup = 0
    for part in layer.parts:
        extra = part.extra_parameters(hidden)
        total += extra
        active += extra - part.idle_parameters(hidden)
        for op in lower(part, context):
            total += op.count * op.parameters
            active += op.count * op.active_parameters
            if isinstance(op, Lookup):
                lookup += op.count * op.table_parameters
    return ParameterCount(total + lookup, active, 0, lookup=lookup)


def _draft(model: Model) -> int:
    """Each module: its layer, three norms, and the product that joins it with the embedding."""
    if model.draft is None:
        return 0
    hidden = model.hidden_size
    joined = 2 * hidden * hidden if model.draft.joins_embedding else 0
    one = _layer(model.draft.layer, hidden).total + joined + 3 * hidden
    return model.draft.modules * one
