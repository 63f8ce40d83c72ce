"""Sharding as a transformation of the model's shapes, before the graph is built.

Tensor parallelism divides heads, MLP widths and the vocabulary; what remains is an ordinary,
narrower model, so every operator and every byte count follows from the same definitions.
"""

from dataclasses import dataclass, replace

from simulator.errors import InputError
from simulator.graph.block import Block, BlockContext
from simulator.graph.feedforward import MixtureBlock
from simulator.graph.operator import Collective, Operator
from simulator.specs.model import (
    Attention,
    DenseFeedforward,
    Feedforward,
    GroupedQueryAttention,
    Layer,
    MixtureOfExperts,
    Model,
)


@dataclass(frozen=True, slots=True)
class Layout:
    """How one replica is spread: tensor × pipeline × data-parallel attention, experts over ``ep``."""

    tp: int = 1
    pp: int = 1
    dp: int = 1
    ep: int = 1

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return self.tp * self.pp * self.dp

    def experts_block(self, spec: Feedforward, block: Block) -> Block:
        """The feed-forward block told how its experts are spread."""
        if isinstance(block, MixtureBlock) and isinstance(spec, MixtureOfExperts):
            return replace(block, ranks=self.ep, tokens_from=self.dp)
        return block

    def feedforward_collectives(self, spec: Feedforward, context: BlockContext) -> list[Operator]:
        """What must be exchanged to finish the feed-forward block."""
        row = float(context.hidden * context.activation_bytes)
        if isinstance(spec, MixtureOfExperts) and self.dp > 1:
            sent = row * spec.top_k
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
            cache[layer] = layer.model_copy(
                update={
                    "attention": _shard_attention(layer.attention, layout.tp),
                    "feedforward": _shard_feedforward(layer.feedforward, layout),
                }
            )
        layers.append(cache[layer])
    vocabulary = -(-model.vocabulary // layout.tp)
    return model.model_copy(update={"layers": tuple(layers), "vocabulary": vocabulary})


def _check(model: Model, layout: Layout) -> None:
    heads = {layer.attention.query_heads for layer in model.layers}
    valid = [t for t in (1, 2, 4, 8, 16, 32, 64, 128) if all(h % t == 0 for h in heads)]
    if layout.tp not in valid and any(h % layout.tp for h in heads):
        raise InputError(
            f"{sorted(heads)[0]} query heads cannot be divided over tp {layout.tp}",
            field="tp",
            remedy="tp can be " + ", ".join(map(str, valid)),
        )
    experts = {
        layer.feedforward.experts
        for layer in model.layers
        if isinstance(layer.feedforward, MixtureOfExperts)
    }
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


def _shard_attention(spec: Attention, tp: int) -> Attention:
    heads = spec.query_heads // tp
    if isinstance(spec, GroupedQueryAttention):
        # With more ranks than KV heads each rank keeps a copy of one.
        kv_heads = max(1, spec.kv_heads // tp)
        return spec.model_copy(update={"query_heads": heads, "kv_heads": kv_heads})
    return spec.model_copy(update={"query_heads": heads})


def _shard_feedforward(spec: Feedforward, layout: Layout) -> Feedforward:
    if isinstance(spec, DenseFeedforward):
        return spec.model_copy(update={"width": -(-spec.width // layout.tp)})
    # Experts are spread whole over ep ranks and cut in width over the rest.
    cut = max(1, layout.tp * layout.dp // layout.ep)
    return spec.model_copy(
        update={
            "expert_width": -(-spec.expert_width // cut),
            "shared_width": -(-spec.shared_width // layout.tp),
        }
    )
