"""The vision encoder of a multimodal model, as a graph of its own.

An image costs twice: its patches run through the encoder once, and the tokens that come out
take their place in the prompt like any others. The encoder's graph is priced like a model's:
every image is a sequence of patches that all see each other.
"""

from numpy.typing import ArrayLike

from simulator.graph.block import BlockContext
from simulator.graph.kinds import lower
from simulator.graph.operator import Elementwise, Matmul, Operator
from simulator.graph.step_shape import StepShape
from simulator.specs.kinds.feedforward import DenseFeedforward
from simulator.specs.kinds.grouped_query import GroupedQueryAttention
from simulator.specs.kinds.kind import Kind
from simulator.specs.model import Merger, VisionEncoder
from simulator.specs.precision import BF16, NATIVE_CACHE, precision


def image_step(encoder: VisionEncoder, images: ArrayLike, patches: ArrayLike) -> StepShape:
    """A step of the encoder: ``images`` of ``patches`` patches each.

    Rows that leave the encoder (merged patches) are counted as the step's logit rows.
    """
    shape = StepShape.of(prefill_sequences=images, prefill_tokens=patches)
    leaving = shape.tokens / encoder.merge**2
    return StepShape.of(prefill_sequences=images, prefill_tokens=patches, prefill_logits=leaving)


def encoder_operators(encoder: VisionEncoder, tp: int = 1) -> list[Operator]:
    """What the encoder computes: patch embedding, its layers, and the mergers."""
    hidden = encoder.hidden_size
    stored = precision(encoder.precision)
    context = BlockContext(hidden, stored, stored, NATIVE_CACHE, encoder.layers)
    row = hidden * context.activation_bytes
    operators: list[Operator] = [
        Matmul(name="vision.patches", n=hidden, k=_pixels(encoder), precision=BF16)
    ]
    for part in _parts(encoder):
        operators += lower(part.sharded(tp), context)
    operators.append(
        Elementwise(
            name="vision.norms",
            role="norm",
            bytes_per_row=10.0 * row,
            kernels=4,
            count=encoder.layers,
        )
    )
    return [*operators, *_mergers(encoder)]


def encoder_parameters(encoder: VisionEncoder) -> int:
    """All parameters of the encoder and its mergers."""
    hidden = encoder.hidden_size
    norms = 2 * (2 if encoder.bias else 1) * hidden
    extra = sum(part.extra_parameters(hidden) for part in _parts(encoder)) + norms
    positions = encoder.positions * hidden
    products = sum(op.count * op.parameters for op in encoder_operators(encoder))
    return products + encoder.layers * extra + positions


def _pixels(encoder: VisionEncoder) -> int:
    return encoder.channels * encoder.frames_per_patch * encoder.patch_size**2


def _parts(encoder: VisionEncoder) -> tuple[Kind, ...]:
    size = (encoder.attention_size or encoder.hidden_size) // encoder.heads
    attention = GroupedQueryAttention(
        query_heads=encoder.heads,
        kv_heads=encoder.heads,
        head_size=size,
        bias=encoder.bias,
        output_bias=encoder.bias,
        causal=False,
    )
    feedforward = DenseFeedforward(width=encoder.width, gated=encoder.gated, bias=encoder.bias)
    return attention, feedforward


def _mergers(encoder: VisionEncoder) -> list[Operator]:
    """One merger at the end and one for each tap: a square of patches becomes one token."""
    return [
        Matmul(
            name=f"vision.merge_{name}",
            n=n,
            k=k,
            precision=BF16,
            count=1 + encoder.taps,
            rows="logits",
        )
        for name, n, k in _merger_products(encoder)
    ]


def _merger_products(encoder: VisionEncoder) -> list[tuple[str, int, int]]:
    """Name, columns and rows of each matrix of a merger, see ``VisionEncoder``."""
    width, out = encoder.hidden_size, encoder.out_size
    square, inner = width * encoder.merge**2, encoder.merger_width or out
    products: dict[Merger, list[tuple[str, int, int]]] = {
        "linear": [("down", out, square)],
        "mlp": [("up", square, square), ("down", out, square)],
        "two": [("down", out, square), ("out", out, out)],
        "narrow": [("narrow", width, square), ("down", out, width), ("out", out, out)],
        "gated": [
            ("down", out, square),
            ("mix", out, out),
            ("up", 2 * inner, out),
            ("out", out, inner),
        ],
    }
    return products[encoder.merger]
