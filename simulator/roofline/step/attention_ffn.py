"""Attention on some devices, feed-forward on others, and micro-batches that keep both busy.

Each layer of a decode step goes from the devices that hold caches to those that hold experts
and back (MegaScale-Infer, arXiv:2504.02263; Step-3, arXiv:2507.19427). With m micro-batches on
their way at once, a layer takes as long as the slower side needs for all of them, or as long as
one needs for the whole round trip, whichever is more:

    step = L · max(m · t_attention, m · t_feedforward, t_attention + t_feedforward + 2 t_transfer)

and the parts outside the layers (embedding, head, sampling) besides, on the attention side.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from simulator.graph.operator import ExpertExchange, Operator
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.collective.constants import Link
from simulator.roofline.laws.collective.formula import send_receive_s
from simulator.roofline.laws.load import FloatArray
from simulator.roofline.step.step import StepModel

_FEEDFORWARD = ("moe.", "mlp.")


@dataclass(frozen=True, slots=True)
class SplitStep:
    """One decode step, in seconds; the sides and the transfer are of one micro-batch and layer."""

    step_s: FloatArray
    attention_s: FloatArray
    feedforward_s: FloatArray
    transfer_s: FloatArray
    outside_s: FloatArray

    @property
    def attention_idle(self) -> FloatArray:
        """Share of the step in which the attention devices wait."""
        longest = np.maximum(np.maximum(self.attention_s, self.feedforward_s), 1e-30)
        return np.asarray(1 - self.attention_s / longest)


def split_step(
    attention: StepModel,
    feedforward: StepModel,
    batch: ArrayLike,
    context: ArrayLike,
    link: Link,
    micro_batches: int = 3,
) -> SplitStep:
    """A decode step of ``batch`` sequences over both sides, each with ``context`` tokens.

    ``attention`` is the model on the devices that keep caches (its layout's dp × tp of them),
    ``feedforward`` the same model on those that keep the experts; of each only its own part
    runs. ``link`` joins the two. Results broadcast over ``batch`` and ``context``.

    Raises ValueError for less than one micro-batch.
    """
    if micro_batches < 1:
        raise ValueError(f"micro_batches: at least 1, not {micro_batches}")
    shape = StepShape.decode(np.asarray(batch, dtype=np.float64) / micro_batches, context)
    layers = sum(count for _, count in attention.graph.layer_groups)
    before = _spent(attention, shape, lambda op: not _is_feedforward(op) and _in_layers(op))
    outside = _spent(attention, shape, lambda op: not _is_feedforward(op) and not _in_layers(op))
    behind = _spent(
        feedforward, shape, lambda op: _is_feedforward(op) and not isinstance(op, ExpertExchange)
    )
    host_s = float(attention.profile.step_overhead)
    one_s, other_s = before / layers, behind / layers
    transfer_s = _transfer_s(attention, feedforward, shape, link)
    slower_s = micro_batches * np.maximum(one_s, other_s)
    layer_s = np.maximum(slower_s, one_s + other_s + 2 * transfer_s)
    step_s = layers * layer_s + micro_batches * outside + host_s
    return SplitStep(step_s, one_s, other_s, transfer_s, outside)


def _spent(model: StepModel, shape: StepShape, wanted: Callable[[Operator], bool]) -> FloatArray:
    step = model.rank_step(shape)
    total = np.zeros(np.broadcast(shape.tokens).shape)
    for op in model.graph.operators:
        if wanted(op):
            total = total + sum(part.time_s for part in model.costs(op, step))
    return total


def _is_feedforward(op: Operator) -> bool:
    return op.name.startswith(_FEEDFORWARD)


def _in_layers(op: Operator) -> bool:
    return not op.name.startswith(("head.", "embedding"))


def _transfer_s(
    attention: StepModel, feedforward: StepModel, shape: StepShape, link: Link
) -> FloatArray:
    """One way, one layer: every device sends its rows to each expert's device at the same time.

    The smaller side has more bytes for each device, and sets the time.
    """
    sent = [op for op in feedforward.graph.operators if isinstance(op, ExpertExchange)]
    copies = float(max((min(op.top_k, op.expert_parallel) for op in sent), default=1))
    widest = max((op.hidden * op.bytes_per_value for op in sent), default=0.0)
    devices = min(attention.graph.layout.devices, feedforward.graph.layout.devices)
    return send_receive_s(shape.tokens * copies * widest / devices, link)
