"""Feed-forward kinds: a dense MLP, a mixture of experts with shared ones, or nothing."""

from typing import Literal, Self

from pydantic import Field, model_validator

from simulator.graph.block import BF16, BlockContext, FeedforwardBlock, divide, quantise
from simulator.graph.operator import Elementwise, Experts, Matmul, Operator, ProductRole
from simulator.specs.model import Part, Size


def feedforward_block(part: Part) -> FeedforwardBlock:
    """The block that computes the feed-forward described by ``part``.

    Raises:
        InputError: nobody defined its kind, or a field does not fit.
    """
    return FeedforwardBlock.of(part)


def feedforward_kinds() -> tuple[str, ...]:
    """Every kind of feed-forward that a model file may name."""
    return tuple(sorted(FeedforwardBlock.kinds()))


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
        *quantise(f"{name}.up", context.hidden, context, context.linear),
        Matmul(
            name=f"{name}.up",
            role=role,
            n=inputs,
            k=context.hidden,
            precision=context.linear,
            count=context.count,
        ),
        Elementwise(
            name=f"{name}.activation",
            role="activation",
            bytes_per_row=(inputs + width) * size,
            count=context.count,
        ),
        *quantise(f"{name}.down", width, context, context.linear),
        Matmul(
            name=f"{name}.down",
            role=role,
            n=context.hidden,
            k=width,
            precision=context.linear,
            count=context.count,
        ),
    ]


class NoFeedforward(FeedforwardBlock):
    """A layer that is a mixer alone (Mamba)."""

    kind: Literal["none"] = "none"

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        return []


class DenseFeedforward(FeedforwardBlock):
    """A gated (gate, up, down) or plain (up, down) MLP.

    ``sub_norm`` is a norm before the down projection (BitNet).
    """

    kind: Literal["dense"] = "dense"
    width: Size
    gated: bool = True
    bias: bool = False
    sub_norm: bool = False

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        dense = mlp("mlp", self.width, self.gated, context)
        if not self.sub_norm:
            return dense
        moved = 2 * self.width * context.activation_bytes
        return [
            *dense,
            Elementwise(name="mlp.sub_norm", role="norm", bytes_per_row=moved, count=context.count),
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``."""
        inputs = (2 if self.gated else 1) * self.width
        return (inputs + hidden if self.bias else 0) + (self.width if self.sub_norm else 0)

    def sharded(self, tp: int) -> Self:
        """See ``Block``."""
        return self.model_copy(update={"width": divide(self.width, tp)})


class MixtureOfExperts(FeedforwardBlock):
    """The router, the routed experts, and the shared experts as one dense MLP.

    Args:
        experts, top_k, expert_width: routed experts, those that a token visits, their width.
        shared_width: width of all experts that every token visits, together.
        latent: width to which tokens are projected before and from which after the routed
            experts (Kimi K3); absent where experts see the residual stream.
        shared_gate: a gate on the shared experts' output (Qwen).
        router_bias: a bias for each expert's score.
        hash_routed: the token's id alone picks the experts (DeepSeek-V4's first layers); the
            router still computes their weights.
        bias: biases in every expert (gpt-oss).
        skew: Zipf exponent of the experts' popularity; 0 routes evenly.
        norms: further norms of the stream's width inside the block (Gemma 4).
        ranks, tokens_from: devices over which the experts are spread, and data-parallel ranks
            whose tokens meet there; set by the layout.
        redundant: further copies of popular experts; set by the layout.
        gathered: every rank has all tokens, not only those for its experts; set by the layout.
    """

    kind: Literal["moe"] = "moe"
    experts: Size
    top_k: Size
    expert_width: Size
    shared_width: int = Field(default=0, ge=0)
    latent: Size | None = None
    shared_gate: bool = False
    router_bias: bool = False
    hash_routed: bool = False
    gated: bool = True
    bias: bool = False
    skew: float = Field(default=0.0, ge=0)
    norms: int = Field(default=0, ge=0)
    ranks: Size = 1
    tokens_from: Size = 1
    redundant: int = Field(default=0, ge=0)
    gathered: bool = True

    @model_validator(mode="after")
    def _enough_experts(self) -> Self:
        if self.top_k > self.experts:
            raise ValueError(f"top_k ({self.top_k}) is more than experts ({self.experts})")
        return self

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        count = context.count
        width = self.latent or context.hidden
        routed = Experts(
            name="moe.experts",
            experts=self.experts,
            top_k=self.top_k,
            hidden=width,
            width=self.expert_width,
            gated=self.gated,
            precision=context.experts,
            count=count,
            expert_parallel=self.ranks,
            data_parallel=self.tokens_from,
            skew=self.skew,
            redundant=self.redundant,
            arrives=1.0 if self.gathered else 1 - (1 - 1 / self.ranks) ** self.top_k,
        )
        row = context.hidden * context.activation_bytes
        norms = [
            Elementwise(
                name="moe.norm",
                role="norm",
                bytes_per_row=2.0 * row * self.norms,
                kernels=self.norms,
                count=count,
            )
        ]
        shared = mlp("moe.shared", self.shared_width, self.gated, context, "shared_expert")
        return [
            Matmul(
                name="moe.router",
                role="router",
                n=self.experts,
                k=context.hidden,
                precision=BF16,
                count=count,
            ),
            *(self._projection("moe.latent_down", width, context.hidden, context)),
            routed,
            *(self._projection("moe.latent_up", context.hidden, width, context)),
            *(shared if self.shared_width else []),
            *(norms if self.norms else []),
        ]

    def _projection(self, name: str, n: int, k: int, context: BlockContext) -> list[Operator]:
        if self.latent is None:
            return []
        return [
            *quantise(name, k, context, context.linear),
            Matmul(name=name, n=n, k=k, precision=context.linear, count=context.count),
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``."""
        return (
            self._expert_biases(hidden)
            + (self.experts if self.router_bias else 0)
            + (hidden if self.shared_gate else 0)
            + (self.latent or 0)
            + self.norms * hidden
        )

    def idle_parameters(self, hidden: int) -> int:
        """See ``Block``: biases of the experts that a token does not visit."""
        return self._expert_biases(hidden) * (self.experts - self.top_k) // self.experts

    def _expert_biases(self, hidden: int) -> int:
        one = (2 if self.gated else 1) * self.expert_width + hidden
        return self.experts * one if self.bias else 0

    def spread(self, tp: int, dp: int, ep: int) -> Self:
        """See ``FeedforwardBlock``: whole experts over ``ep``, their width over what is left."""
        return self.model_copy(
            update={
                "expert_width": divide(self.expert_width, max(1, tp * dp // ep)),
                "shared_width": divide(self.shared_width, tp) if self.shared_width else 0,
                "ranks": ep,
                "tokens_from": dp,
            }
        )
