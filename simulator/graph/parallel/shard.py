"""Sharding as a transformation of the model's shapes, before the graph is built.

Tensor parallelism divides heads, MLP widths and the vocabulary; what remains is an ordinary,
narrower model, so every operator and every byte count follows from the same definitions. Layers
stay together: pipeline stages are cut where the graph is built.
"""

from simulator.graph.block import ExpertSpread
from simulator.graph.parallel.check import check_layout
from simulator.graph.parallel.layout import Layout
from simulator.specs.kinds.feedforward import MixtureOfExperts
from simulator.specs.kinds.kind import FeedforwardKind, divide
from simulator.specs.model import Layer, Model, counted


def shard(model: Model, layout: Layout) -> Model:
    """The narrower model that the ranks of one tensor-parallel group hold, all layers of it.

    Raises:
        InputError: heads, widths, experts or layers cannot be divided; names the nearest
            degrees that can.
    """
    if layout == Layout():
        return model
    check_layout(model, layout)
    narrower = {id(layer): _shard_layer(layer, layout) for layer, _ in counted(model.layers)}
    layers = tuple(narrower[id(layer)] for layer in model.layers)
    vocabulary = divide(model.vocabulary, layout.tp)
    return model.model_copy(update={"layers": layers, "vocabulary": vocabulary})


def expert_spread(layout: Layout) -> ExpertSpread:
    """How the layout spreads whole experts over the devices of a stage."""
    sent = layout.batch_ways > 1 and layout.expert_exchange != "all_gather"
    return ExpertSpread(
        ranks=layout.ep,
        tokens_from=layout.batch_ways,
        redundant=layout.redundant_experts,
        gathered=not sent,
    )


def _shard_layer(layer: Layer, layout: Layout) -> Layer:
    lookup = None if layer.lookup is None else layer.lookup.sharded(layout.tp)
    return layer.model_copy(
        update={
            "attention": layer.attention.sharded(layout.tp),
            "feedforward": _shard_feedforward(layer.feedforward, layout),
            "lookup": lookup,
        }
    )


def _shard_feedforward(feedforward: FeedforwardKind, layout: Layout) -> FeedforwardKind:
    # What whole experts leave of tp × cp × dp cuts each expert's width.
    cuts = max(1, layout.stage_devices // layout.ep)
    narrower = feedforward.spread(layout.tp, cuts)
    if layout.expert_skew is not None and isinstance(narrower, MixtureOfExperts):
        return narrower.model_copy(update={"skew": layout.expert_skew})
    return narrower
