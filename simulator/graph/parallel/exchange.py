"""What the devices of a replica send each other to finish each part of a layer."""

from simulator.graph.block import BlockContext
from simulator.graph.operator import Collective, ExpertExchange, Operator
from simulator.graph.parallel.layout import Layout
from simulator.specs.kinds.feedforward import MixtureOfExperts, NoFeedforward
from simulator.specs.kinds.nothing import NoAttention
from simulator.specs.kinds.residual import PlainResidual
from simulator.specs.model import Layer, Model
from simulator.specs.precision import Precision

BF16_BYTES = 2.0


def after_embedding(hidden: int, layout: Layout) -> list[Operator]:
    """Ranks that hold a part of the vocabulary sum the rows they found."""
    if layout.tp == 1:
        return []
    return [
        Collective(
            name="embedding.all_reduce",
            kind="all_reduce",
            bytes_per_row=BF16_BYTES * hidden,
            group=layout.tp,
        )
    ]


def after_attention(context: BlockContext, layout: Layout, layer: Layer) -> list[Operator]:
    """The sum over heads; experts under data parallelism want each row on one rank only."""
    if layout.tp == 1 or isinstance(layer.attention, NoAttention):
        return []
    row = float(context.hidden * context.activation_bytes)
    if layout.sequence_parallel or _exchanges(layer, layout):
        return [
            Collective(
                name="attention.reduce_scatter",
                kind="reduce_scatter",
                bytes_per_row=row,
                group=layout.tp,
                count=context.count,
            )
        ]
    return [
        Collective(
            name="attention.all_reduce",
            kind="all_reduce",
            bytes_per_row=row,
            group=layout.tp,
            count=context.count,
        )
    ]


def after_feedforward(context: BlockContext, layout: Layout, layer: Layer) -> list[Operator]:
    """The sum over the MLP's width, or tokens to their experts and back.

    Without data parallelism every rank holds all tokens already: it computes what its experts
    (or its part of them) contribute, and an all-reduce sums up, whatever ``ep`` is.
    """
    row = float(context.hidden * context.activation_bytes)
    gathered = Collective(
        name="attention.all_gather",
        kind="all_gather",
        bytes_per_row=row,
        group=layout.tp,
        count=context.count,
    )
    experts = layer.feedforward
    if isinstance(experts, MixtureOfExperts) and layout.batch_ways > 1:
        found = _expert_exchange(context, layout, experts)
        return [*found, gathered] if layout.tp > 1 else found
    if layout.tp == 1 or isinstance(experts, NoFeedforward):
        return []
    if layout.sequence_parallel:
        return [
            gathered,
            Collective(
                name="mlp.reduce_scatter",
                kind="reduce_scatter",
                bytes_per_row=row,
                group=layout.tp,
                count=context.count,
            ),
            Collective(
                name="mlp.all_gather",
                kind="all_gather",
                bytes_per_row=row,
                group=layout.tp,
                count=context.count,
            ),
        ]
    return [
        Collective(
            name="mlp.all_reduce",
            kind="all_reduce",
            bytes_per_row=row,
            group=layout.tp,
            count=context.count,
        )
    ]


def fuses_norms(layout: Layout, layer: Layer) -> bool:
    """Whether the all-reduces of a layer do the work of its residual additions and norms."""
    reduces = layout.tp > 1 and not layout.sequence_parallel and not _exchanges(layer, layout)
    return layout.fused_all_reduce and reduces and isinstance(layer.residual, PlainResidual)


def _exchanges(layer: Layer, layout: Layout) -> bool:
    return isinstance(layer.feedforward, MixtureOfExperts) and layout.batch_ways > 1


def _expert_exchange(
    context: BlockContext, layout: Layout, experts: MixtureOfExperts
) -> list[Operator]:
    width = experts.latent or context.hidden
    sent = {"dispatch": dispatch_bytes(context.routed), "combine": BF16_BYTES}
    return [
        ExpertExchange(
            name=f"moe.{direction}",
            combines=direction == "combine",
            hidden=width,
            experts=experts.experts,
            top_k=experts.top_k,
            bytes_per_value=size,
            devices=layout.stage_devices,
            expert_parallel=layout.ep,
            token_shards=layout.tp,
            data_parallel=layout.batch_ways,
            mode=layout.expert_exchange or "auto",
            skew=experts.skew,
            redundant=layout.redundant_experts,
            count=context.count,
        )
        for direction, size in sent.items()
    ]


def dispatch_bytes(experts: Precision) -> float:
    """Bytes of an activation on its way to an expert: quantised first where experts are.

    fp8 travels with one fp32 scale for each 128 values (DeepEP), nvfp4 with one fp8 scale for
    each 16.
    """
    if not experts.quantises_activations:
        return BF16_BYTES
    if experts.activation_bits == 8:
        return 1 + 4 / 128
    return experts.activation_bits / 8


def context_exchange(context: BlockContext, layout: Layout, layer: Layer) -> list[Operator]:
    """What context parallelism sends in one layer.

    Between ``cp`` ranks the keys and values of new tokens are gathered (as in ring attention,
    arXiv:2310.01889); between ``dcp`` ranks of a tensor-parallel group the queries are gathered
    and partial outputs are merged by their softmax sums and scattered again. Decoding under
    ``cp`` does the same with its few rows, which the gathered keys and values stand for.
    """
    found: list[Operator] = []
    if layout.cp > 1:
        entry = layer.attention.cache_bytes_per_token(context.cache)
        row = entry * layout.cp
        found.append(
            Collective(
                name="context.gather",
                kind="all_gather",
                bytes_per_row=row,
                group=layout.cp,
                count=context.count,
                stride=layout.tp,
            )
        )
    if layout.dcp > 1:
        row = context.hidden * context.activation_bytes * layout.dcp / layout.tp
        found += [
            Collective(
                name="context.queries",
                kind="all_gather",
                bytes_per_row=row,
                group=layout.dcp,
                count=context.count,
            ),
            Collective(
                name="context.outputs",
                kind="reduce_scatter",
                bytes_per_row=row,
                group=layout.dcp,
                count=context.count,
            ),
        ]
    return found


def between_stages(model: Model, layout: Layout) -> list[Operator]:
    """Every stage but the last hands its rows to the next; ranks of a stage send in parallel."""
    if layout.pp == 1:
        return []
    row = BF16_BYTES * model.hidden_size / layout.tp
    # Each rank sends its part and the next stage gathers, as engines do (arXiv:2104.04473, 4.1).
    sends: list[Operator] = [
        Collective(
            name="stage.send",
            kind="send",
            bytes_per_row=row,
            group=layout.pp,
            count=layout.pp - 1,
            stride=layout.stage_devices,
        )
    ]
    if layout.tp > 1:
        whole = BF16_BYTES * model.hidden_size
        sends.append(
            Collective(
                name="stage.gather",
                kind="all_gather",
                bytes_per_row=whole,
                group=layout.tp,
                count=layout.pp - 1,
            )
        )
    return sends
