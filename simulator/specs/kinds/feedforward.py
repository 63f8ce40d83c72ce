"""Feed-forward kinds: a dense MLP, a mixture of experts with shared ones, or nothing."""

from typing import Literal, Self

from pydantic import Field, model_validator

from simulator.specs.kinds.kind import FeedforwardKind, Size, divide
from simulator.specs.quantity import Number, Whole


class NoFeedforward(FeedforwardKind):
    """A layer that is a mixer alone (Mamba)."""

    kind: Literal["none"] = "none"


class DenseFeedforward(FeedforwardKind):
    """A gated (gate, up, down) or plain (up, down) MLP.

    ``sub_norm`` is a norm before the down projection (BitNet).
    """

    kind: Literal["dense"] = "dense"
    width: Size
    gated: bool = True
    bias: bool = False
    sub_norm: bool = False

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``."""
        inputs = (2 if self.gated else 1) * self.width
        return (inputs + hidden if self.bias else 0) + (self.width if self.sub_norm else 0)

    def sharded(self, tp: int) -> Self:
        """See ``Kind``."""
        return self.model_copy(update={"width": divide(self.width, tp)})


class MixtureOfExperts(FeedforwardKind):
    """The router, the routed experts, and the shared experts as one dense MLP.

    Args:
        experts, top_k, expert_width: routed experts, those that a token visits, their width.
        idle_experts: choices of the router that compute nothing (LongCat); ``top_k`` counts
            the others, as often as they are chosen on average.
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
    """

    kind: Literal["moe"] = "moe"
    experts: Size
    top_k: Size
    idle_experts: Whole = Field(default=0, ge=0, le=1_000_000)
    expert_width: Size
    shared_width: Whole = Field(default=0, ge=0, le=1_000_000_000)
    latent: Size | None = None
    shared_gate: bool = False
    router_bias: bool = False
    hash_routed: bool = False
    gated: bool = True
    bias: bool = False
    skew: Number = Field(default=0.0, ge=0, le=20)
    norms: Whole = Field(default=0, ge=0, le=1000)

    @model_validator(mode="after")
    def _enough_experts(self) -> Self:
        if self.top_k > self.experts:
            raise ValueError(f"top_k ({self.top_k}) is more than experts ({self.experts})")
        return self

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``."""
        return (
            self._expert_biases(hidden)
            + (self.experts + self.idle_experts if self.router_bias else 0)
            + (hidden if self.shared_gate else 0)
            + (self.latent or 0)
            + self.norms * hidden
        )

    def idle_parameters(self, hidden: int) -> int:
        """See ``Kind``: biases of the experts that a token does not visit."""
        return self._expert_biases(hidden) * (self.experts - self.top_k) // self.experts

    def _expert_biases(self, hidden: int) -> int:
        one = (2 if self.gated else 1) * self.expert_width + hidden
        return self.experts * one if self.bias else 0

    def spread(self, tp: int, cuts: int) -> Self:
        """See ``FeedforwardKind``."""
        return self.model_copy(
            update={
                "expert_width": divide(self.expert_width, cuts),
                "shared_width": divide(self.shared_width, tp) if self.shared_width else 0,
            }
        )
