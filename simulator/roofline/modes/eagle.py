"""EAGLE: one layer that drafts from the model's hidden states, token after token.

EAGLE, arXiv:2401.15077: the last hidden state and the embedding of the token behind it are joined
and pass one layer; the model's own head names the token. EAGLE-3, arXiv:2503.01840: hidden states
of three depths are joined once, the layer's attention sees the embedding beside them, and a head
of fewer tokens names the next.
"""

from dataclasses import replace

from simulator.graph.drafting import Beside, beside
from simulator.roofline.modes.drafting import Asked, Drafting, one_after_another, verified_of
from simulator.specs.kinds.feedforward import DenseFeedforward
from simulator.specs.kinds.grouped_query import SharedKeyAttention
from simulator.specs.kinds.residual import PlainResidual
from simulator.specs.model import Layer

JOINED_DEPTHS = 3
DRAFT_VOCABULARY = 32_000
"""Tokens that the heads published with EAGLE-3 can name, where the model has more."""

DENSE_WIDTHS = 3
"""Width of the head's MLP in hidden widths where the model has experts (as Qwen3's heads have)."""


def eagle(asked: Asked) -> Drafting:
    """EAGLE and EAGLE-2, which differ in what they verify, not in the layer."""
    layers, notes = _layers(asked)
    graph = beside(asked.model, Beside(layers, joined=2), asked.layout, asked.weights, asked.kv)
    runs = one_after_another(asked, graph, graph)
    return Drafting(runs, verified_of(asked), graph, reads_hidden=True, notes=notes)


def eagle3(asked: Asked) -> Drafting:
    """EAGLE-3."""
    layers, notes = _layers(asked)
    named = asked.model.vocabulary if asked.other is None else asked.other.vocabulary
    what = Beside(layers, 0, sees_embedding=True, vocabulary=min(named, DRAFT_VOCABULARY))
    joining = replace(what, joined=JOINED_DEPTHS)
    first, then = (
        beside(asked.model, part, asked.layout, asked.weights, asked.kv) for part in (joining, what)
    )
    runs = one_after_another(asked, first, then)
    return Drafting(runs, verified_of(asked), first, reads_hidden=True, notes=notes)


def _layers(asked: Asked) -> tuple[tuple[Layer, ...], tuple[str, ...]]:
    """Those of the head that is named; else one like the model's, with an MLP that is dense."""
    if asked.other is not None:
        return asked.other.layers, ()
    dense = [
        layer.feedforward
        for layer in asked.model.layers
        if isinstance(layer.feedforward, DenseFeedforward)
    ]
    width = dense[-1].width if dense else DENSE_WIDTHS * asked.model.hidden_size
    far = [
        layer.attention
        for layer in asked.model.layers
        if isinstance(layer.attention, SharedKeyAttention)
        and layer.attention.window is None
        and layer.attention.chunk is None
    ]
    attending = far[-1] if far else asked.model.layers[-1].attention
    own = Layer(
        attention=attending,
        feedforward=DenseFeedforward(width=width),
        residual=PlainResidual(),
        norms=2,
    )
    note = (
        f"the head that drafts has one layer like the model's, with an MLP {width} wide; "
        "speculation.model names another"
    )
    return (own,), (note,)
