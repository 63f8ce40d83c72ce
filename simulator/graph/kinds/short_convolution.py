"""Short convolution: project to two gates and an input, convolve over few tokens, project back."""

from simulator.graph.block import BlockContext, lower, product, quantise
from simulator.graph.operator import Elementwise, Operator
from simulator.specs.kinds.recurrent import ShortConvolution


@lower.register
def _short_convolution(part: ShortConvolution, context: BlockContext) -> list[Operator]:
    width, count = part.channels, context.count
    moved = 4 * width * context.activation_bytes
    return [
        *quantise("attention.in", context.hidden, context),
        product("attention.in", 3 * width, context.hidden, context),
        Elementwise(
            name="attention.convolution",
            role="mixing",
            bytes_per_row=moved,
            kernels=3,
            count=count,
        ),
        *quantise("attention.out", width, context),
        product("attention.out", context.hidden, width, context),
    ]
