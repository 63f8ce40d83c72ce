"""A model and its layout, put together as the operators that one device runs in one step."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from simulator.graph.attention import attention_block
from simulator.graph.block import BF16, BlockContext
from simulator.graph.feedforward import feedforward_block
from simulator.graph.operator import (
    Collective,
    Elementwise,
    Experts,
    FloatArray,
    Matmul,
    Operator,
)
from simulator.graph.parallel import Layout, shard
from simulator.specs.model import Layer, MixtureOfExperts, Model
from simulator.specs.precision import kv_bytes_per_value, precision


@dataclass(frozen=True, slots=True)
class Graph:
    """What one device computes, stores and sends for one step of the model.

    Args:
        operators: everything that runs, each with its ``count``.
        weight_bytes: weights held by the device.
        kv_bytes_per_token: cache growth for each token of a long sequence, on the device.
        layout: how the model is sharded.
    """

    operators: tuple[Operator, ...]
    weight_bytes: float
    kv_bytes_per_token: float
    state_bytes_per_sequence: float
    layout: Layout
    layer_groups: tuple[tuple[Layer, int], ...]
    kv_bytes_per_value: float

    def kv_bytes(self, context_tokens: FloatArray) -> FloatArray:
        """Cache bytes on the device for a sequence of ``context_tokens``, windows respected."""
        tokens = np.asarray(context_tokens, dtype=np.float64)
        total = np.full_like(tokens, self.state_bytes_per_sequence)
        for layer, count in self.layer_groups:
            block = attention_block(layer.attention)
            total = total + count * block.kv_values(tokens) * self.kv_bytes_per_value
        return total


def build(
    model: Model,
    layout: Layout | None = None,
    weights: str | None = None,
    kv: str | None = None,
) -> Graph:
    """The graph of ``model`` as one device of ``layout`` sees it.

    ``weights`` and ``kv`` name the precisions; without them the checkpoint's own and bf16.

    Raises:
        InputError: the layout cannot hold the model's shapes, or a precision is unknown.
    """
    layout = layout or Layout()
    chosen = precision(weights or model.weight_precision)
    linear = BF16 if chosen.only_experts else chosen
    kv_bytes = kv_bytes_per_value(kv or "bf16")
    sharded = shard(model, layout)
    groups = tuple(Counter(sharded.layers).items())
    operators: list[Operator] = [
        Elementwise("embedding", 2 * 2 * sharded.hidden_size, kernels=1)
    ]
    parameters_elsewhere = 0
    kv_values = 0.0
    state_bytes = 0.0
    for layer, count in groups:
        context = BlockContext(sharded.hidden_size, linear, chosen, kv_bytes, count)
        attention = attention_block(layer.attention)
        feedforward = feedforward_block(layer.feedforward)
        operators += attention.operators(context)
        operators += _all_reduce("attention.all_reduce", context, layout.tp)
        operators += layout.experts_block(layer.feedforward, feedforward).operators(context)
        operators += layout.feedforward_collectives(layer.feedforward, context)
        operators += _norms_and_residuals(layer, context)
        parameters_elsewhere += count * (
            attention.extra_parameters(sharded.hidden_size)
            + feedforward.extra_parameters(sharded.hidden_size)
            + layer.norms * sharded.hidden_size
        )
        kv_values += count * attention.kv_values_per_token()
        state_bytes += count * attention.state_bytes()
    operators += _head(sharded, layout)
    embedding = sharded.vocabulary * sharded.hidden_size
    parameters_elsewhere += sharded.hidden_size + (0 if model.tied_embeddings else embedding)
    return Graph(
        operators=_merged(operators),
        weight_bytes=_weight_bytes(operators) + 2.0 * parameters_elsewhere,
        kv_bytes_per_token=kv_values * kv_bytes,
        state_bytes_per_sequence=state_bytes,
        layout=layout,
        layer_groups=groups,
        kv_bytes_per_value=kv_bytes,
    )


def _all_reduce(name: str, context: BlockContext, tp: int) -> list[Operator]:
    if tp == 1:
        return []
    moved = context.hidden * context.activation_bytes
    return [Collective(name, "all_reduce", moved, tp, context.count)]


def _norms_and_residuals(layer: Layer, context: BlockContext) -> list[Operator]:
    """One kernel each: a norm reads and writes a row, a residual reads two and writes one."""
    row = context.hidden * context.activation_bytes
    return [
        Elementwise("norm", 2.0 * row, kernels=layer.norms, count=context.count),
        Elementwise("residual", 3.0 * row, kernels=2, count=context.count),
    ]


def _head(model: Model, layout: Layout) -> list[Operator]:
    """Final norm, output projection of the sampling rows, and the sampler's pass over logits."""
    row = model.hidden_size * 2.0
    head: list[Operator] = [
        Elementwise("head.norm", 2 * row, rows="logits"),
        Matmul("head.logits", model.vocabulary, model.hidden_size, BF16, rows="logits"),
    ]
    if layout.tp > 1:
        moved = 2.0 * model.vocabulary
        head.append(Collective("head.all_gather", "all_gather", moved, layout.tp, rows="logits"))
    # The sampler widens the logits to fp32 and passes over them about twice.
    head.append(
        Elementwise("head.sample", 12.0 * model.vocabulary * layout.tp, kernels=3, rows="logits")
    )
    return head


def _weight_bytes(operators: Iterable[Operator]) -> float:
    total = 0.0
    for op in operators:
        if isinstance(op, Matmul):
            total += op.count * op.parameters * op.precision.weight_bytes
        elif isinstance(op, Experts):
            local = op.parameters / op.expert_parallel
            total += op.count * local * op.precision.weight_bytes
    return total


def _merged(operators: Iterable[Operator]) -> tuple[Operator, ...]:
    """Operators that differ only in ``count`` become one, so that a step has few terms."""
    from dataclasses import replace

    counts: dict[Operator, int] = {}
    for op in operators:
        key = replace(op, count=1)
        counts[key] = counts.get(key, 0) + op.count
    return tuple(replace(op, count=count) for op, count in counts.items())


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """Parameters of a whole model: all of them, and those that one token uses."""

    total: int
    active: int
    embedding: int


def count_parameters(model: Model) -> ParameterCount:
    """Count a model's parameters from its shapes.

    ``active`` leaves out experts that a token does not visit; like most publishers it counts
    the output head but not the input embedding's rows, unless the two are one.
    """
    total = active = 0
    for layer, count in Counter(model.layers).items():
        context = BlockContext(model.hidden_size, BF16, BF16, 2.0, count)
        attention = attention_block(layer.attention)
        feedforward = feedforward_block(layer.feedforward)
        for op in [*attention.operators(context), *feedforward.operators(context)]:
            if isinstance(op, Matmul):
                total += count * op.parameters
                active += count * op.parameters
            elif isinstance(op, Experts):
                total += count * op.parameters
                active += count * op.parameters * op.top_k // op.experts
        extra = count * (
            attention.extra_parameters(model.hidden_size) + layer.norms * model.hidden_size
        )
        moe = count * feedforward.extra_parameters(model.hidden_size)
        total += extra + moe
        if isinstance(layer.feedforward, MixtureOfExperts):
            moe = moe * layer.feedforward.top_k // layer.feedforward.experts
        active += extra + moe
    embedding = model.vocabulary * model.hidden_size
    tables = embedding if model.tied_embeddings else 2 * embedding
    norm = model.hidden_size
    return ParameterCount(total + tables + norm, active + embedding + norm, embedding)
