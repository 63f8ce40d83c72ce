"""How a checkpoint stores single products of a model, where not all are stored alike."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydantic import Field

from simulator.specs.precision import Precision, precision
from simulator.specs.quantity import Number, Spec

EMBEDDING = "embedding"
HEAD = "head.logits"
EXPERTS = "moe.experts"
"""The product of all routed experts of a layer."""


class StoredProduct(Spec):
    """The weights of one product, as a checkpoint stores them.

    Args:
        product: the product, as the operators of a step are called (``attention.out``).
        precision: how it is multiplied; also how it is stored, unless ``bits`` says otherwise.
        bits: bits a weight, scales included.
    """

    product: str
    precision: str
    bits: Number | None = Field(default=None, gt=0, le=64)

    @property
    def resolved(self) -> Precision:
        """The precision with its bits.

        Raises:
            InputError: no precision is called so.
        """
        named = precision(self.precision)
        return named if self.bits is None else replace(named, weight_bits=self.bits)


Stored = tuple[StoredProduct, ...]


def resolved(stored: Stored) -> Mapping[str, Precision]:
    """Product → precision."""
    return {one.product: one.resolved for one in stored}


def usual_ends(name: str) -> dict[str, Precision]:
    """How embedding and head are stored where only the precision ``name`` is told."""
    dense = precision(name).dense
    return {HEAD: precision(dense.head), EMBEDDING: precision(dense.embedding)}


def together(parts: Iterable[tuple[float, Precision]]) -> Precision:
    """What a product is stored as whose parts, each with its weights, differ.

    It is multiplied as most of its weights are, and takes the bits of all of them.

    Args:
        parts: parameters and precision of each part; at least one.
    """
    found = list(parts)
    first = found[0][1]
    if all(one == first for _, one in found):
        return first
    most: dict[str, float] = {}
    for weights, one in found:
        most[one.name] = most.get(one.name, 0.0) + weights
    name = max(most, key=most.__getitem__)
    whole = sum(weights for weights, _ in found)
    bits = sum(weights * one.weight_bits for weights, one in found) / whole
    return replace(precision(name), weight_bits=bits)


def deviating(wanted: Mapping[str, Precision], usual: Mapping[str, Precision]) -> Stored:
    """Those of ``wanted`` that are not as ``usual`` has them."""
    return tuple(
        StoredProduct(
            product=product,
            precision=one.name,
            bits=None if one == precision(one.name) else one.weight_bits,
        )
        for product, one in wanted.items()
        if one != usual.get(product)
    )
