"""Tori and grids counted device by device: ways, steps, and what crosses the middle."""

from collections import deque
from itertools import product
from math import log2, prod

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simulator.roofline.laws.collective.fabric import Fabric, FabricKind, extents, geometry

LINK = 1e10
"""Bytes/s of one link in one direction."""

DIMS = st.lists(st.sampled_from([2, 4, 8, 16]), min_size=1, max_size=3).map(tuple)


def fabric(dims: tuple[int, ...], kind: FabricKind) -> Fabric:
    """Each device has a link each way along each axis."""
    return Fabric(kind, prod(dims), 2 * len(dims) * LINK, LINK, dims=dims)


def neighbours(place, block, wrapped):
    """Places one link away within a block of the fabric."""
    for axis, extent in enumerate(block):
        for step in (-1, 1):
            to = place[axis] + step
            if wrapped[axis]:
                to %= extent
            if 0 <= to < extent:
                yield (*place[:axis], to, *place[axis + 1 :])


def farthest(block, wrapped) -> int:
    """Links on the way from one corner to the device that is farthest from it."""
    start = (0,) * len(block)
    seen, queue = {start: 0}, deque([start])
    while queue:
        place = queue.popleft()
        for near in neighbours(place, block, wrapped):
            if near not in seen:
                seen[near] = seen[place] + 1
                queue.append(near)
    assert len(seen) == prod(block)
    return max(seen.values())


def blocks(dims, group):
    """Every block of ``group`` devices whose extents are powers of two."""
    powers = [[2**e for e in range(int(log2(dim)) + 1)] for dim in sorted(dims)]
    return [block for block in product(*powers) if prod(block) == group]


@given(DIMS, st.data(), st.sampled_from([FabricKind.TORUS, FabricKind.GRID]))
@example((2, 2, 2), None, FabricKind.TORUS)
@example((2, 4, 16), None, FabricKind.TORUS)
@example((3,), None, FabricKind.TORUS)
@example((3, 5, 5), None, FabricKind.GRID)
def test_groups_on_axes(dims, data, kind):
    most = prod(dims)
    # Without a draw, the whole fabric.
    group = most if data is None else 2 ** data.draw(st.integers(1, int(log2(most))))
    found = geometry(fabric(dims, kind), np.array([float(group)]))
    block = tuple(int(extent[0]) for extent in extents(fabric(dims, kind), np.array([group])))
    assert prod(block) == group
    # No other block is more compact.
    if data is not None:
        assert max(block) == min(max(other) for other in blocks(dims, group))
        assert sum(block) == min(sum(other) for other in blocks(dims, group))
    # An axis closes where the group spans it and there is more than one link to its other end.
    wrapped = [
        kind is FabricKind.TORUS and extent == dim > 2
        for extent, dim in zip(block, sorted(dims), strict=True)
    ]
    used = [extent > 1 for extent in block]
    assert found.ring_steps == found.exchange_steps == found.diameter == farthest(block, wrapped)
    # A closed axis carries its ring both ways round, an open one is held up by its end.
    ways = sum(
        (2 if closes else 1) for closes, is_used in zip(wrapped, used, strict=True) if is_used
    )
    assert found.ring_bandwidth_bytes_per_s == pytest.approx(ways * LINK)
    # Half of the devices send half of their bytes across the middle of the worst axis.
    crossing = []
    for axis, extent in enumerate(block):
        if extent % 2 == 0:
            cuts = (2 if wrapped[axis] else 1) * (group / extent)
            crossing.append((group / 2) * 0.5 / (cuts * LINK))
    if crossing and all(extent % 2 == 0 for extent in block if extent > 1):
        assert found.exchange_s_per_byte == pytest.approx(max(crossing))


@pytest.mark.parametrize("dims", [(2,), (4, 4), (16, 24, 24)])
def test_a_group_of_one_spans_nothing(dims):
    found = geometry(fabric(dims, FabricKind.TORUS), np.array([1.0]))
    assert found.diameter == found.ring_steps == found.exchange_s_per_byte == 0.0
    assert found.ring_bandwidth_bytes_per_s > 0


def test_no_group_is_smaller_than_one_or_larger_than_its_fabric():
    for devices in (0, 0.5, 17):
        with pytest.raises(ValueError, match="1 to 16"):
            geometry(fabric((4, 4), FabricKind.TORUS), devices)


@pytest.mark.parametrize(
    "changes",
    [
        {"devices": 0, "dims": (0,)}, {"bandwidth_bytes_per_s": 0.0},
        {"peer_bandwidth_bytes_per_s": 0.0}, {"hop_latency_s": -1e-9}, {"dims": ()},
        {"dims": (2, 3)},
    ],
)  # fmt: skip
def test_a_fabric_without_meaning_is_refused(changes):
    sound = {
        "kind": FabricKind.TORUS, "devices": 4, "bandwidth_bytes_per_s": 1e11,
        "peer_bandwidth_bytes_per_s": 1e10, "dims": (4,),
    }  # fmt: skip
    Fabric(**sound)
    Fabric(**{**sound, "kind": FabricKind.SWITCHED, "dims": ()})
    Fabric(**{**sound, "devices": 1, "dims": (1,), "hop_latency_s": 0.0})
    with pytest.raises(ValueError):
        Fabric(**{**sound, **changes})
