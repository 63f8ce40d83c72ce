"""Sharding as a transformation of the model's shapes, before the graph is built.

Tensor parallelism divides heads, MLP widths and the vocabulary; what remains is an ordinary,
narrower model, so every operator and every byte count follows from the same definitions. Layers
stay together: pipeline stages are cut where the graph is built.
"""

from typing import Any

from simulator.graph.attention import attention_block
from simulator.graph.block import Block, divide
from simulator.graph.embedding import lookup_block
from simulator.graph.feedforward import MixtureOfExperts, feedforward_block
from simulator.graph.parallel.check import check_layout
from simulator.graph.parallel.layout import Layout
from simulator.specs.model import Layer, Model


def shard(model: Model, layout: Layout) -> Model:
    """The narrower model that the ranks of one tensor-parallel group hold, all layers of it.

    Raises:
        InputError: heads, widths, experts or layers cannot be divided; names the nearest
            degrees that can.
    """
    if layout == Layout():
        return model
    check_layout(model, layout)
    narrower = {layer: _shard_layer(layer, layout) for layer in set(model.layers)}
    layers = tuple(narrower[layer] for layer in model.layers)
    vocabulary = divide(model.vocabulary, layout.tp)
    return model.model_copy(update={"layers": layers, "vocabulary": vocabulary})


def _shard_layer(layer: Layer, layout: Layout) -> Layer:
    attention: Block = attention_block(layer.attention).sharded(layout.tp)
    feedforward = feedforward_block(layer.feedforward)
    spread: Block = feedforward.spread(layout.tp, layout.batch_ways, layout.ep)
    if isinstance(spread, MixtureOfExperts):
        sent = layout.batch_ways > 1 and layout.expert_exchange != "all_gather"
        changes: dict[str, Any] = {"redundant": layout.redundant_experts, "gathered": not sent}
        if layout.skew is not None:
            changes["skew"] = layout.skew
        spread = spread.model_copy(update=changes)
    lookup = None if layer.lookup is None else lookup_block(layer.lookup).sharded(layout.tp)
    return layer.model_copy(
        update={"attention": attention, "feedforward": spread, "lookup": lookup}
    )
