"""How a part of a layer becomes operators: what it is told, and where its kind says how."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch

from simulator.errors import InputError
from simulator.graph.operator import Elementwise, Matmul, Operator
from simulator.specs.kinds.kind import AttentionKind, Kind
from simulator.specs.kinds.residual import PARTS
from simulator.specs.precision import BF16, CacheFormat, Precision
from simulator.specs.stored import EXPERTS


@dataclass(frozen=True, slots=True)
class ExpertSpread:
    """How whole experts are spread over the devices of a replica.

    Args:
        ranks: devices over which they are spread.
        tokens_from: data-parallel ranks whose tokens meet there.
        redundant: further copies of popular experts in each layer.
        gathered: every rank has all tokens, not only those for its experts.
    """

    ranks: int = 1
    tokens_from: int = 1
    redundant: int = 0
    gathered: bool = True


ONE_DEVICE = ExpertSpread()
"""All experts where their tokens are."""


@dataclass(frozen=True, slots=True)
class BlockContext:
    """The surroundings of a part: widths, storage, how often it occurs, and the layout.

    Args:
        hidden: width of the residual stream.
        linear: precision of the attention and dense weights.
        experts: precision of routed experts' weights.
        cache: how the KV cache is stored.
        count: equal parts in the model.
        spread: how experts are spread over devices.
        tables: precision of the tables that tokens look up.
        stored: precision of the products that a checkpoint stores in a way of their own.
        additions: how often the layer adds to the residual stream.
    """

    hidden: int
    linear: Precision
    experts: Precision
    cache: CacheFormat
    count: int
    spread: ExpertSpread = ONE_DEVICE
    tables: Precision = BF16
    stored: Mapping[str, Precision] = field(default_factory=dict)
    additions: int = PARTS

    def product(self, name: str) -> Precision:
        """The precision of a product of the attention or of a dense part."""
        return self.stored.get(name, self.linear)

    def wide_product(self, name: str) -> Precision:
        """The precision of a product that only some formats quantise; else it has 16 bits."""
        return self.stored.get(name, BF16)

    @property
    def routed(self) -> Precision:
        """The precision of the routed experts."""
        return self.stored.get(EXPERTS, self.experts)

    @property
    def activation_bytes(self) -> int:
        """Bytes of one value of the residual stream; engines keep it in 16 bits."""
        return 2


@singledispatch
def lower(part: Kind, _context: BlockContext) -> list[Operator]:
    """All that ``part`` computes and moves in one step, in order.

    Every kind of ``specs.kinds`` registers a function here; kinds of one's own say it themselves.

    Raises:
        InputError: neither is so.
    """
    raise InputError(
        f"{type(part).__name__} does not say what it computes",
        field=f"layers.{part.role}.kind",
        remedy="derive it from AttentionBlock, or from Block and the base of its role",
    )


class Block(Kind):
    """A part that says itself what it computes; with the base of its role, a kind of one's own."""

    @abstractmethod
    def operators(self, context: BlockContext) -> list[Operator]:
        """All that the part computes and moves in one step, in order."""


class AttentionBlock(Block, AttentionKind):
    """A kind of attention of one's own: one class with all that is known of it."""


@lower.register
def _by_itself(part: Block, context: BlockContext) -> list[Operator]:
    return part.operators(context)


def quantise(name: str, width: int, context: BlockContext) -> list[Operator]:
    """The kernel that converts ``width`` activations a row before the product ``name``, if any."""
    linear = context.product(name)
    if not linear.quantises_activations:
        return []
    moved = width * (context.activation_bytes + linear.activation_bits / 8)
    return [
        Elementwise(
            name=f"{name}.quantise", role="quantise", bytes_per_row=moved, count=context.count
        )
    ]


def product(name: str, n: int, k: int, context: BlockContext) -> Matmul:
    """A product of ``k`` activations a row with ``n`` columns of weights, stored as ``name`` is."""
    return Matmul(name=name, n=n, k=k, precision=context.product(name), count=context.count)
