"""Kinds that remember by a state of fixed size: delta rule, state space, short convolution."""

from abc import abstractmethod
from typing import Literal, Self

import numpy as np

from simulator.specs.kinds.kind import AttentionKind, FloatArray, Size, divide
from simulator.specs.precision import CacheFormat

STATE_BYTES = 4
"""Bytes of one state value: engines keep it in fp32."""

INPUT_BYTES = 2.0
"""Bytes of one kept input of a convolution: 16 bits."""


class ConvolvingKind(AttentionKind):
    """A kind whose short convolution keeps the last ``kernel`` − 1 inputs of a sequence."""

    kernel: Size

    @property
    @abstractmethod
    def convolved(self) -> int:
        """Channels of the convolution."""

    def cache_bytes(self, context_tokens: FloatArray, cache: CacheFormat) -> FloatArray:
        """See ``AttentionKind``: the convolution's last inputs, in 16 bits."""
        kept = np.minimum(np.asarray(context_tokens, dtype=np.float64), self.kernel - 1)
        return kept * self.convolved * INPUT_BYTES


class SquareStateKind(AttentionKind):
    """A kind each of whose heads keeps keys times values, ``head_size`` of each."""

    heads: Size
    head_size: Size

    @property
    def width(self) -> int:
        """Values of all heads together."""
        return self.heads * self.head_size

    def divisible(self) -> tuple[int, ...]:
        """See ``Kind``."""
        return (self.heads,)

    def sharded(self, tp: int) -> Self:
        """See ``Kind``."""
        return self.model_copy(update={"heads": self.heads // tp})

    def state_bytes(self) -> float:
        """See ``AttentionKind``."""
        return float(STATE_BYTES * self.heads * self.head_size**2)


class GatedDeltaNet(ConvolvingKind):
    """Gated DeltaNet (Yang et al., arXiv:2412.06464) as in Qwen3-Next and Qwen3.5.

    ``value_heads`` states; each key head serves value_heads/key_heads of them. Queries, keys and
    values pass a short convolution; the decay is one number a head.
    """

    kind: Literal["gated-delta-net"] = "gated-delta-net"
    key_heads: Size
    value_heads: Size
    key_size: Size
    value_size: Size
    kernel: Size = 4

    @property
    def widths(self) -> tuple[int, int]:
        """Values of all keys of a token, and of all its values."""
        return self.key_heads * self.key_size, self.value_heads * self.value_size

    @property
    def convolved(self) -> int:
        """See ``ConvolvingKind``: queries, keys and values."""
        key, value = self.widths
        return 2 * key + value

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: the convolution, decay and step of each head, and the output norm."""
        return self.kernel * self.convolved + 2 * self.value_heads + self.value_size

    def divisible(self) -> tuple[int, ...]:
        """See ``Kind``."""
        return (self.key_heads, self.value_heads)

    def sharded(self, tp: int) -> Self:
        """See ``Kind``."""
        return self.model_copy(
            update={
                "key_heads": divide(self.key_heads, tp),
                "value_heads": divide(self.value_heads, tp),
            }
        )

    def state_bytes(self) -> float:
        """See ``AttentionKind``."""
        return float(STATE_BYTES * self.value_heads * self.key_size * self.value_size)


class KimiDeltaAttention(SquareStateKind, ConvolvingKind):
    """The delta rule with a decay for each key channel (Kimi Linear, arXiv:2510.26692; Kimi K3).

    Queries, keys and values each pass a short convolution. The decay comes from a low-rank
    projection of ``decay_rank``; the output gate from one too, unless ``full_gate``.
    """

    kind: Literal["kda"] = "kda"
    kernel: Size = 4
    decay_rank: Size
    full_gate: bool = False

    @property
    def convolved(self) -> int:
        """See ``ConvolvingKind``: queries, keys and values."""
        return 3 * self.width

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: three convolutions, decay and its bias, and the output norm."""
        return self.kernel * self.convolved + self.heads + self.width + self.head_size


class Mamba1(ConvolvingKind):
    """A state-space recurrence with a decay for each channel and state (arXiv:2312.00752).

    Args:
        channels: the inner width.
        state_size: numbers of state for each inner channel.
        step_rank: rank of the projection to each channel's step.
        inner_norms: norms of the step and of both maps (Jamba).
    """

    kind: Literal["mamba-1"] = "mamba-1"
    channels: Size
    state_size: Size = 16
    step_rank: Size
    kernel: Size = 4
    inner_norms: bool = False

    @property
    def convolved(self) -> int:
        """See ``ConvolvingKind``: the input alone."""
        return self.channels

    @property
    def selected(self) -> int:
        """Columns of the projection to the step and the input and output maps."""
        return self.step_rank + 2 * self.state_size

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: convolution with bias, decays, skip and step of a channel, norms."""
        norms = self.selected if self.inner_norms else 0
        return (self.kernel + 1 + self.state_size + 2) * self.channels + norms

    def sharded(self, tp: int) -> Self:
        """See ``Kind``."""
        return self.model_copy(update={"channels": divide(self.channels, tp)})

    def state_bytes(self) -> float:
        """See ``AttentionKind``."""
        return float(STATE_BYTES * self.channels * self.state_size)


class Mamba2(ConvolvingKind):
    """A state-space recurrence with one decay a head (Dao & Gu, arXiv:2405.21060).

    Args:
        heads, head_size: their product is the inner width.
        state_size: numbers of state for each inner channel.
        groups: groups of heads that share the input and output maps B and C.
        output_norm: the gated output passes a norm with weights.
    """

    kind: Literal["mamba-2"] = "mamba-2"
    heads: Size
    head_size: Size
    state_size: Size
    groups: Size = 1
    kernel: Size = 4
    output_norm: bool = True

    @property
    def inner(self) -> int:
        """Channels between the projections."""
        return self.heads * self.head_size

    @property
    def convolved(self) -> int:
        """See ``ConvolvingKind``: the input, and both maps of each group."""
        return self.inner + 2 * self.groups * self.state_size

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: convolution with bias, decay, skip and step of a head, output norm."""
        norm = self.inner if self.output_norm else 0
        return (self.kernel + 1) * self.convolved + 3 * self.heads + norm

    def divisible(self) -> tuple[int, ...]:
        """See ``Kind``."""
        return (self.heads,)

    def sharded(self, tp: int) -> Self:
        """See ``Kind``."""
        return self.model_copy(
            update={"heads": self.heads // tp, "groups": divide(self.groups, tp)}
        )

    def state_bytes(self) -> float:
        """See ``AttentionKind``."""
        return float(STATE_BYTES * self.inner * self.state_size)


class ShortConvolution(ConvolvingKind):
    """Double-gated short convolution (LFM2, arXiv:2511.23404): a mixer that remembers few tokens.

    Nothing grows with the context: a sequence keeps its last ``kernel`` − 1 gated inputs.
    """

    kind: Literal["short-convolution"] = "short-convolution"
    channels: Size
    kernel: Size = 3

    @property
    def convolved(self) -> int:
        """See ``ConvolvingKind``: the gated input."""
        return self.channels

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: one filter a channel."""
        return self.kernel * self.channels

    def sharded(self, tp: int) -> Self:
        """See ``Kind``."""
        return self.model_copy(update={"channels": divide(self.channels, tp)})
