"""Mamba-2: a state-space recurrence with one decay a head (Dao & Gu, arXiv:2405.21060)."""

from typing import Literal, Self

import numpy as np

from simulator.graph.block import AttentionBlock, BlockContext, CacheFormat, divide, quantise
from simulator.graph.operator import Elementwise, FloatArray, Matmul, Operator, Recurrence
from simulator.specs.model import Size

CHUNK = 256
"""Tokens of one chunk of the state-space-duality form (the reference kernels' default)."""

STATE_BYTES = 4


class Mamba2(AttentionBlock):
    """Input projection, short convolution, recurrence, gated norm, output projection.

    Args:
        heads, head_size: their product is the inner width.
        state_size: numbers of state for each inner channel.
        groups: groups of heads that share the input and output maps B and C.
    """

    kind: Literal["mamba-2"] = "mamba-2"
    heads: Size
    head_size: Size
    state_size: Size
    groups: Size = 1
    kernel: Size = 4

    @property
    def _inner(self) -> int:
        return self.heads * self.head_size

    @property
    def _convolved(self) -> int:
        return self._inner + 2 * self.groups * self.state_size

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        inner, size, count = self._inner, context.activation_bytes, context.count
        columns = self._convolved + inner + self.heads
        state = inner * self.state_size
        # Inside a chunk: C·Bᵀ once a group, and the masked scores times X for every head.
        inside = 2 * CHUNK * (self.groups * self.state_size + inner)
        return [
            *quantise("attention.in", context.hidden, context, context.linear),
            Matmul(
                name="attention.in",
                n=columns,
                k=context.hidden,
                precision=context.linear,
                count=count,
            ),
            Elementwise(
                name="attention.convolution",
                role="mixing",
                bytes_per_row=2 * self._convolved * size,
                count=count,
            ),
            Recurrence(
                name="attention.recurrence",
                decay="scalar",
                state_bytes=float(STATE_BYTES * state),
                bytes_per_row=float((self._convolved + inner) * size),
                decode_flops_per_row=4.0 * state,
                prefill_flops_per_row=4.0 * state + inside,
                count=count,
            ),
            Elementwise(
                name="attention.gated_norm",
                role="norm",
                bytes_per_row=3 * inner * size,
                count=count,
            ),
            *quantise("attention.out", inner, context, context.linear),
            Matmul(
                name="attention.out",
                n=context.hidden,
                k=inner,
                precision=context.linear,
                count=count,
            ),
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``: convolution with bias, decay, skip and step of a head, output norm."""
        return (self.kernel + 1) * self._convolved + 3 * self.heads + self._inner

    def divisible(self) -> tuple[int, ...]:
        """See ``Block``."""
        return (self.heads,)

    def sharded(self, tp: int) -> Self:
        """See ``Block``."""
        return self.model_copy(
            update={"heads": self.heads // tp, "groups": divide(self.groups, tp)}
        )

    def cache_bytes(self, context_tokens: FloatArray, cache: CacheFormat) -> FloatArray:
        """See ``AttentionBlock``: the convolution's last inputs, in 16 bits."""
        kept = np.minimum(np.asarray(context_tokens, dtype=np.float64), self.kernel - 1)
        return kept * self._convolved * 2.0

    def state_bytes(self) -> float:
        """See ``AttentionBlock``."""
        return float(STATE_BYTES * self._inner * self.state_size)
