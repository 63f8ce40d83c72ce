"""Linear attention with the delta rule: gated delta net and Kimi delta attention.

Gated DeltaNet (Yang et al., arXiv:2412.06464) as in Qwen3-Next and Qwen3.5: a scalar decay a
head. Kimi delta attention (Kimi Linear, arXiv:2510.26692): a decay for each key channel.

A head keeps a state S of key × value numbers and, for every token, decays it, reads S·k, adds
the correction along k, and reads S·q: three products of 2·key·value FLOPs. Prefill does the same
in chunks of 64 tokens as matrix products (arXiv:2406.06484), which adds the products inside a
chunk.
"""

from typing import Literal, Self

import numpy as np

from simulator.graph.block import (
    BF16,
    AttentionBlock,
    BlockContext,
    CacheFormat,
    divide,
    quantise,
)
from simulator.graph.operator import Decay, Elementwise, FloatArray, Matmul, Operator, Recurrence
from simulator.specs.model import Size

CHUNK = 64
"""Tokens of one chunk of the chunkwise form (flash-linear-attention's kernels)."""

STATE_BYTES = 4
"""Bytes of one state value: engines keep it in fp32."""


def delta_rule(
    heads: int,
    key_size: int,
    value_size: int,
    row_values: int,
    decay: Decay,
    context: BlockContext,
) -> Recurrence:
    """The recurrence of ``heads`` states of ``key_size`` × ``value_size``."""
    state = heads * key_size * value_size
    # Inside a chunk: K·Kᵀ and Q·Kᵀ (keys), its inverse times K and V, and the scores times V.
    inside = 2 * CHUNK * heads * (3 * key_size + 2 * value_size)
    return Recurrence(
        name="attention.recurrence",
        decay=decay,
        state_bytes=float(STATE_BYTES * state),
        bytes_per_row=float(row_values * context.activation_bytes),
        decode_flops_per_row=6.0 * state,
        prefill_flops_per_row=6.0 * state + inside,
        count=context.count,
    )


class GatedDeltaNet(AttentionBlock):
    """Short convolution, gated delta rule, gated norm, output projection.

    ``value_heads`` states; each key head serves value_heads/key_heads of them. The convolution
    keeps the last ``kernel`` − 1 inputs of queries, keys and values.
    """

    kind: Literal["gated-delta-net"] = "gated-delta-net"
    key_heads: Size
    value_heads: Size
    key_size: Size
    value_size: Size
    kernel: Size = 4

    @property
    def _widths(self) -> tuple[int, int]:
        return self.key_heads * self.key_size, self.value_heads * self.value_size

    @property
    def _convolved(self) -> int:
        key, value = self._widths
        return 2 * key + value

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        key, value = self._widths
        count, linear, size = context.count, context.linear, context.activation_bytes
        return [
            *quantise("attention.in", context.hidden, context, linear),
            Matmul(
                name="attention.in",
                n=2 * key + 2 * value,
                k=context.hidden,
                precision=linear,
                count=count,
            ),
            Matmul(
                name="attention.decay",
                n=2 * self.value_heads,
                k=context.hidden,
                precision=BF16,
                count=count,
            ),
            Elementwise(
                name="attention.convolution",
                role="mixing",
                bytes_per_row=2 * self._convolved * size,
                count=count,
            ),
            delta_rule(
                self.value_heads,
                self.key_size,
                self.value_size,
                2 * key + 2 * value,
                "scalar",
                context,
            ),
            Elementwise(
                name="attention.gated_norm",
                role="norm",
                bytes_per_row=3 * value * size,
                count=count,
            ),
            *quantise("attention.out", value, context, linear),
            Matmul(name="attention.out", n=context.hidden, k=value, precision=linear, count=count),
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``: the convolution, decay and step of each head, and the output norm."""
        return self.kernel * self._convolved + 2 * self.value_heads + self.value_size

    def divisible(self) -> tuple[int, ...]:
        """See ``Block``."""
        return (self.key_heads, self.value_heads)

    def sharded(self, tp: int) -> Self:
        """See ``Block``."""
        return self.model_copy(
            update={
                "key_heads": divide(self.key_heads, tp),
                "value_heads": divide(self.value_heads, tp),
            }
        )

    def cache_bytes(self, context_tokens: FloatArray, cache: CacheFormat) -> FloatArray:
        """See ``AttentionBlock``: the convolution's last inputs, in 16 bits."""
        kept = np.minimum(np.asarray(context_tokens, dtype=np.float64), self.kernel - 1)
        return kept * self._convolved * 2.0

    def state_bytes(self) -> float:
        """See ``AttentionBlock``."""
        return float(STATE_BYTES * self.value_heads * self.key_size * self.value_size)


class KimiDeltaAttention(AttentionBlock):
    """The delta rule with a decay for each key channel (Kimi Linear, Kimi K3).

    Queries, keys and values each pass a short convolution. The decay comes from a low-rank
    projection of ``decay_rank``; the output gate from one too, unless ``full_gate``.
    """

    kind: Literal["kda"] = "kda"
    heads: Size
    head_size: Size
    kernel: Size = 4
    decay_rank: Size
    full_gate: bool = False

    @property
    def _width(self) -> int:
        return self.heads * self.head_size

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        width, rank, hidden = self._width, self.decay_rank, context.hidden
        count, linear, size = context.count, context.linear, context.activation_bytes
        ranks = rank if self.full_gate else 2 * rank
        gate = width if self.full_gate else 0
        return [
            *quantise("attention.in", hidden, context, linear),
            Matmul(
                name="attention.in", n=3 * width + gate, k=hidden, precision=linear, count=count
            ),
            Matmul(
                name="attention.low_rank_down",
                n=ranks + self.heads,
                k=hidden,
                precision=BF16,
                count=count,
            ),
            Matmul(
                name="attention.low_rank_up",
                n=width,
                k=rank,
                precision=BF16,
                count=count,
                groups=ranks // rank,
            ),
            Elementwise(
                name="attention.convolution",
                role="mixing",
                bytes_per_row=6 * width * size,
                kernels=3,
                count=count,
            ),
            delta_rule(
                self.heads, self.head_size, self.head_size, 5 * width, "per_channel", context
            ),
            Elementwise(
                name="attention.gated_norm",
                role="norm",
                bytes_per_row=3 * width * size,
                count=count,
            ),
            *quantise("attention.out", width, context, linear),
            Matmul(name="attention.out", n=hidden, k=width, precision=linear, count=count),
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``: three convolutions, decay and its bias, and the output norm."""
        return 3 * self.kernel * self._width + self.heads + self._width + self.head_size

    def divisible(self) -> tuple[int, ...]:
        """See ``Block``."""
        return (self.heads,)

    def sharded(self, tp: int) -> Self:
        """See ``Block``."""
        return self.model_copy(update={"heads": self.heads // tp})

    def cache_bytes(self, context_tokens: FloatArray, cache: CacheFormat) -> FloatArray:
        """See ``AttentionBlock``: the convolutions' last inputs, in 16 bits."""
        kept = np.minimum(np.asarray(context_tokens, dtype=np.float64), self.kernel - 1)
        return kept * 3 * self._width * 2.0

    def state_bytes(self) -> float:
        """See ``AttentionBlock``."""
        return float(STATE_BYTES * self.heads * self.head_size**2)
