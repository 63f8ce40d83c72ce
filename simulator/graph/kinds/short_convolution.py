"""Short convolution: project to two gates and an input, convolve over few tokens, project back."""

from simulator.graph.block import BlockContext, lower, quantise
from simulator.graph.operator import Elementwise, Matmul, Operator
from simulator.specs.kinds.recurrent import ShortConvolution


@lower.register
def _short_convolution(part: ShortConvolution, context: BlockContext) -> list[Operator]:
    width, count, linear = part.channels, context.count, context.linear
    moved = 4 * width * context.activation_bytes
    return [
        *quantise("attention.in", context.hidden, context, linear),
        Matmul(name="attention.in", n=3 * width, k=context.hidden, precision=linear, count=count),
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
