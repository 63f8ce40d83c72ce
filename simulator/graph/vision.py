"""The vision encoder of a multimodal model, as a graph of its own.

An image costs twice: its patches run through the encoder once, and the tokens that come out
take their place in the prompt like any others. The encoder's graph is priced like a model's:
every image is a sequence of patches that all see each other.
"""

from numpy.typing import ArrayLike

from simulator.graph.attention import attention_block
from simulator.graph.block import BF16, NATIVE_CACHE, Block, BlockContext
from simulator.graph.feedforward import feedforward_block
from simulator.graph.operator import Elementwise, Matmul, Operator
from simulator.graph.step_shape import StepShape
from simulator.specs.model import Part, VisionEncoder


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
    context = BlockContext(hidden, BF16, BF16, NATIVE_CACHE, encoder.layers)
    row = hidden * context.activation_bytes
    operators: list[Operator] = [
        Matmul(name="vision.patches", n=hidden, k=_pixels(encoder), precision=BF16)
    ]
    for block in _blocks(encoder):
        operators += block.sharded(tp).operators(context)
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
    from simulator.graph.parameters import in_operators

    hidden = encoder.hidden_size
    norms = 2 * (2 if encoder.bias else 1) * hidden
    extra = sum(block.extra_parameters(hidden) for block in _blocks(encoder)) + norms
    positions = encoder.positions * hidden
    return in_operators(encoder_operators(encoder)) + encoder.layers * extra + positions


def _pixels(encoder: VisionEncoder) -> int:
    return encoder.channels * encoder.frames_per_patch * encoder.patch_size**2


def _blocks(encoder: VisionEncoder) -> tuple[Block, ...]:
    size = (encoder.attention_size or encoder.hidden_size) // encoder.heads
    attention = {
        "query_heads": encoder.heads,
        "kv_heads": encoder.heads,
        "head_size": size,
        "bias": encoder.bias,
        "output_bias": encoder.bias,
        "causal": False,
    }
    feedforward = {"width": encoder.width, "gated": encoder.gated, "bias": encoder.bias}
    return (
        attention_block(Part.model_validate({"kind": "gqa", **attention})),
        feedforward_block(Part.model_validate({"kind": "dense", **feedforward})),
    )


def _mergers(encoder: VisionEncoder) -> list[Operator]:
    """One merger at the end and one for each tap: a square of patches becomes one token."""
    square = encoder.hidden_size * encoder.merge**2
    count = 1 + encoder.taps
    if encoder.merger == "linear":
        return [
            Matmul(
                name="vision.merge",
                n=encoder.out_size,
                k=square,
                precision=BF16,
                count=count,
                rows="logits",
            )
        ]
    return [
        Matmul(
            name="vision.merge_up", n=square, k=square, precision=BF16, count=count, rows="logits"
        ),
        Matmul(
            name="vision.merge_down",
            n=encoder.out_size,
            k=square,
            precision=BF16,
            count=count,
            rows="logits",
        ),
    ]
