"""Sharding as a transformation of the model's shapes, before the graph is built.

Tensor parallelism divides heads, MLP widths and the vocabulary; what remains is an ordinary,
narrower model, so every operator and every byte count follows from the same definitions.
"""

from dataclasses import dataclass

from simulator.errors import InputError
from simulator.graph.attention import attention_block
from simulator.graph.block import Block, BlockContext
from simulator.graph.embedding import lookup_block
from simulator.graph.feedforward import MixtureOfExperts, feedforward_block
from simulator.graph.operator import Collective, Operator
from simulator.specs.model import Layer, Model, Part


@dataclass(frozen=True, slots=True)
class Layout:
    """One replica, spread: tensor × pipeline × data-parallel attention, experts over ``ep``."""

    tp: int = 1
    pp: int = 1
    dp: int = 1
    ep: int = 1

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return self.tp * self.pp * self.dp

    def feedforward_collectives(self, part: Part, context: BlockContext) -> list[Operator]:
        """What must be exchanged to finish the feed-forward block."""
        row = float(context.hidden * context.activation_bytes)
        block = feedforward_block(part)
        if isinstance(block, MixtureOfExperts) and self.dp > 1:
            sent = row * block.top_k
            return [
                Collective("moe.dispatch", "all_to_all", sent, self.tp * self.dp, context.count),
                Collective("moe.combine", "all_to_all", sent, self.tp * self.dp, context.count),
            ]
        if self.tp == 1:
            return []
        return [Collective("mlp.all_reduce", "all_reduce", row, self.tp, context.count)]


def shard(model: Model, layout: Layout) -> Model:
    """The narrower model that one device of ``layout`` holds.

    Raises:
        InputError: heads, widths or experts cannot be divided; names the degrees that can.
    """
    if layout == Layout():
        return model
    if layout.pp > 1:
        raise InputError(
            "pipeline parallelism is not supported yet", field="pp", remedy="use tp instead"
        )
    _check(model, layout)
    cache: dict[Layer, Layer] = {}
    layers = []
    for layer in model.layers:
        if layer not in cache:
            cache[layer] = _shard_layer(layer, layout)
        layers.append(cache[layer])
    vocabulary = -(-model.vocabulary // layout.tp)
    return model.model_copy(update={"layers": tuple(layers), "vocabulary": vocabulary})


def _check(model: Model, layout: Layout) -> None:
    layers = set(model.layers)
    heads = {h for layer in layers for h in attention_block(layer.attention).divisible()}
    valid = [t for t in (1, 2, 4, 8, 16, 32, 64, 128) if all(h % t == 0 for h in heads)]
    undivided = sorted(h for h in heads if h % layout.tp)
    if undivided:
        raise InputError(
            f"{undivided[0]} heads cannot be divided over tp {layout.tp}",
            field="tp",
            remedy="tp can be " + ", ".join(map(str, valid)),
        )
    blocks = (feedforward_block(layer.feedforward) for layer in layers)
    experts = {block.experts for block in blocks if isinstance(block, MixtureOfExperts)}
    if layout.ep > 1 and not experts:
        raise InputError(
            "a dense model has no experts to spread", field="ep", remedy="leave ep at 1"
        )
    if layout.ep > 1 and any(e % layout.ep for e in experts):
        raise InputError(
            f"{sorted(experts)[0]} experts cannot be divided over ep {layout.ep}", field="ep"
        )
    if layout.ep > 1 and (layout.tp * layout.dp) % layout.ep:
        raise InputError(
            f"ep {layout.ep} does not divide tp × dp ({layout.tp * layout.dp})",
            field="ep",
            remedy="experts are spread over the same devices as attention",
        )


def _shard_layer(layer: Layer, layout: Layout) -> Layer:
    attention: Block = attention_block(layer.attention).sharded(layout.tp)
    feedforward = feedforward_block(layer.feedforward).spread(layout.tp, layout.dp, layout.ep)
    lookup = None if layer.lookup is None else lookup_block(layer.lookup).sharded(layout.tp)
    return layer.model_copy(
        update={"attention": attention, "feedforward": feedforward, "lookup": lookup}
    )
