"""Feed-forward kinds: a dense MLP, and a mixture of experts with shared ones."""

from dataclasses import dataclass

from simulator.graph.block import BF16, Block, BlockContext, quantise
from simulator.graph.operator import Elementwise, Experts, Matmul, Operator
from simulator.specs.model import DenseFeedforward, Feedforward, MixtureOfExperts


def feedforward_block(spec: Feedforward) -> Block:
    """The block that computes the feed-forward described by ``spec``."""
    return DenseBlock(spec) if isinstance(spec, DenseFeedforward) else MixtureBlock(spec)


def _mlp(name: str, width: int, gated: bool, context: BlockContext) -> list[Operator]:
    inputs = (2 if gated else 1) * width
    size = context.activation_bytes
    return [
        *quantise(f"{name}.up", context.hidden, context, context.linear),
        Matmul(f"{name}.up", inputs, context.hidden, context.linear, context.count),
        Elementwise(f"{name}.activation", (inputs + width) * size, count=context.count),
        *quantise(f"{name}.down", width, context, context.linear),
        Matmul(f"{name}.down", context.hidden, width, context.linear, context.count),
    ]


@dataclass(frozen=True, slots=True)
class DenseBlock:
    """Gate and up in one product, the activation, and down."""

    spec: DenseFeedforward

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        return _mlp("mlp", self.spec.width, self.spec.gated, context)

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``."""
        inputs = (2 if self.spec.gated else 1) * self.spec.width
        return inputs + hidden if self.spec.bias else 0


@dataclass(frozen=True, slots=True)
class MixtureBlock:
    """The router, the routed experts, and the shared experts as one dense MLP.

    ``ranks`` and ``tokens_from`` say how the experts are spread: over so many devices, fed by
    so many data-parallel ranks.
    """

    spec: MixtureOfExperts
    ranks: int = 1
    tokens_from: int = 1

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        spec = self.spec
        routed: list[Operator] = [
            Matmul("moe.router", spec.experts, context.hidden, BF16, context.count),
            Experts(
                "moe.experts",
                spec.experts,
                spec.top_k,
                context.hidden,
                spec.expert_width,
                spec.gated,
                context.experts,
                context.count,
                self.ranks,
                self.tokens_from,
            ),
        ]
        if not spec.shared_width:
            return routed
        return [*routed, *_mlp("moe.shared", spec.shared_width, spec.gated, context)]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``."""
        spec = self.spec
        biases = spec.experts * ((2 if spec.gated else 1) * spec.expert_width + hidden)
        return (
            (biases if spec.bias else 0)
            + (spec.experts if spec.router_bias else 0)
            + (hidden if spec.shared_gate else 0)
        )
