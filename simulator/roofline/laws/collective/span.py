"""Which links a group of devices spans."""

from dataclasses import replace

from simulator.roofline.laws.collective.constants import Link
from simulator.roofline.laws.collective.fabric import FabricKind


def spanned(levels: tuple[Link, ...], stride: int) -> tuple[Link, ...]:
    """The levels as groups see them whose members are ``stride`` devices apart.

    A domain of 8 holds two neighbours four apart, and none eight apart: such groups communicate
    over the next level alone. Links within a torus or grid are taken as for adjacent members.
    """
    if stride == 1 or not levels:
        return levels
    inner, *outer = levels
    reach = inner.fabric.devices // stride
    if reach <= 1 and outer:
        return spanned(tuple(outer), max(1, stride // inner.fabric.devices))
    if inner.fabric.kind in (FabricKind.TORUS, FabricKind.GRID):
        return levels
    bridges = tuple(replace(b, devices=b.devices / stride) for b in inner.fabric.bridges)
    fabric = replace(inner.fabric, devices=max(1, reach), bridges=bridges)
    return (replace(inner, fabric=fabric), *outer)


def crossings(boundaries: int, stride: int, domain: int) -> int:
    """How many of ``boundaries`` between blocks of ``stride`` devices lie between domains.

    Block i hands over to block i + 1; the boundary crosses when some device of it and its
    counterpart, ``stride`` further, are in different domains.
    """
    if stride >= domain:
        return boundaries
    return sum(
        (block * stride) // domain != ((block + 2) * stride - 1) // domain
        for block in range(boundaries)
    )
