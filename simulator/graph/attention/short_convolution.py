"""Double-gated short convolution (LFM2, arXiv:2511.23404): a mixer that remembers few tokens."""

from typing import Literal, Self

import numpy as np

from simulator.graph.block import AttentionBlock, BlockContext, CacheFormat, divide, quantise
from simulator.graph.operator import Elementwise, FloatArray, Matmul, Operator
from simulator.specs.model import Size


class ShortConvolution(AttentionBlock):
    """Project to two gates and an input, convolve over ``kernel`` tokens, project back.

    Nothing grows with the context: a sequence keeps its last ``kernel`` − 1 gated inputs.
    """

    kind: Literal["short-convolution"] = "short-convolution"
    channels: Size
    kernel: Size = 3

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        width, count, linear = self.channels, context.count, context.linear
        moved = 4 * width * context.activation_bytes
        return [
            *quantise("attention.in", context.hidden, context, linear),
            Matmul(
                name="attention.in", n=3 * width, k=context.hidden, precision=linear, count=count
            ),
            Elementwise(
                name="attention.convolution",
                role="mixing",
                bytes_per_row=moved,
                kernels=3,
                count=count,
            ),
            *quantise("attention.out", width, context, linear),
            Matmul(name="attention.out", n=context.hidden, k=width, precision=linear, count=count),
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``: one filter a channel."""
        return self.kernel * self.channels

    def sharded(self, tp: int) -> Self:
        """See ``Block``."""
        return self.model_copy(update={"channels": divide(self.channels, tp)})

    def cache_bytes(self, context_tokens: FloatArray, cache: CacheFormat) -> FloatArray:
        """See ``AttentionBlock``: the last inputs, in 16 bits."""
        kept = np.minimum(np.asarray(context_tokens, dtype=np.float64), self.kernel - 1)
        return kept * self.channels * 2.0
