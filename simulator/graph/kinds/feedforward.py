"""Feed-forward kinds: a dense MLP, a mixture of experts with shared ones, or nothing."""

from simulator.graph.block import BlockContext, lower, product, quantise
from simulator.graph.operator import Elementwise, Experts, Matmul, Operator, ProductRole
from simulator.specs.kinds.feedforward import DenseFeedforward, MixtureOfExperts, NoFeedforward
from simulator.specs.precision import BF16


@lower.register
def _nothing(_part: NoFeedforward, _context: BlockContext) -> list[Operator]:
    return []


@lower.register
def _dense(part: DenseFeedforward, context: BlockContext) -> list[Operator]:
    dense = mlp("mlp", part.width, part.gated, context)
    if not part.sub_norm:
        return dense
    moved = 2 * part.width * context.activation_bytes
    return [
        *dense,
        Elementwise(name="mlp.sub_norm", role="norm", bytes_per_row=moved, count=context.count),
    ]


@lower.register
def _mixture(part: MixtureOfExperts, context: BlockContext) -> list[Operator]:
    count, spread = context.count, context.spread
    width = part.latent or context.hidden
    routed = Experts(
        name="moe.experts",
        experts=part.experts,
        top_k=part.top_k,
        hidden=width,
        width=part.expert_width,
        gated=part.gated,
        precision=context.routed,
        count=count,
        expert_parallel=spread.ranks,
        data_parallel=spread.tokens_from,
        skew=part.skew,
        redundant=spread.redundant,
        arrives=1.0 if spread.gathered else 1 - (1 - 1 / spread.ranks) ** part.top_k,
    )
    row = context.hidden * context.activation_bytes
    norms = [
        Elementwise(
            name="moe.norm",
            role="norm",
            bytes_per_row=2.0 * row * part.norms,
            kernels=part.norms,
            count=count,
        )
    ]
    shared = mlp("moe.shared", part.shared_width, part.gated, context, "shared_expert")
    return [
        Matmul(
            name="moe.router",
            role="router",
            n=part.experts + part.idle_experts,
            k=context.hidden,
            precision=BF16,
            count=count,
        ),
        *_projection(part, "moe.latent_down", width, context.hidden, context),
        routed,
        *_projection(part, "moe.latent_up", context.hidden, width, context),
        *(shared if part.shared_width else []),
        *(norms if part.norms else []),
    ]


def _projection(
    part: MixtureOfExperts, name: str, n: int, k: int, context: BlockContext
) -> list[Operator]:
    """Into or out of the width in which the experts work, where they have one of their own."""
    if part.latent is None:
        return []
    return [*quantise(name, k, context), product(name, n, k, context)]


def mlp(
    name: str,
    width: int,
    gated: bool,
    context: BlockContext,
    role: ProductRole = "projection",
) -> list[Operator]:
    """Up (with the gate in the same product), activation, down."""
    inputs = (2 if gated else 1) * width
    size = context.activation_bytes
    return [
        *quantise(f"{name}.up", context.hidden, context),
        Matmul(
            name=f"{name}.up",
            role=role,
            n=inputs,
            k=context.hidden,
            precision=context.product(f"{name}.up"),
            count=context.count,
        ),
        Elementwise(
            name=f"{name}.activation",
            role="activation",
            bytes_per_row=(inputs + width) * size,
            count=context.count,
        ),
        *quantise(f"{name}.down", width, context),
        Matmul(
            name=f"{name}.down",
            role=role,
            n=context.hidden,
            k=width,
            precision=context.product(f"{name}.down"),
            count=context.count,
        ),
    ]
