"""Which algorithm an engine runs for a message: the library's choice, or a written rule.

A library picks what its own model says is fastest, which the minimum over its algorithms
follows closely. Engines put kernels of their own in front, by rules of size and group that are
facts about their source, not about the hardware.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.roofline.laws.collective import formula as laws
from simulator.roofline.laws.collective.constants import Link
from simulator.roofline.laws.collective.fabric import FloatArray

KIB = 1024
MIB = 1024 * KIB

BytesByGroup = tuple[tuple[int, int], ...]


class Algorithm(StrEnum):
    """Algorithms a library may choose from for all-reduce."""

    RING = "ring"
    TREE = "tree"
    ONE_SHOT = "one_shot"
    TWO_SHOT = "two_shot"
    IN_NETWORK = "in_network"


_ALL_REDUCE = {
    Algorithm.RING: laws.ring_all_reduce_s,
    Algorithm.TREE: laws.tree_all_reduce_s,
    Algorithm.ONE_SHOT: laws.one_shot_all_reduce_s,
    Algorithm.TWO_SHOT: laws.two_shot_all_reduce_s,
    Algorithm.IN_NETWORK: laws.in_network_all_reduce_s,
}


@dataclass(frozen=True, slots=True)
class CustomAllReduce:
    """An engine's own all-reduce kernels and the messages they take from the library.

    ``custom_below_bytes``: (group, limit) pairs for the peer-reading kernels.
    ``one_shot_below_bytes``: where they read everything in one go; above, two.
    ``staged_up_to_bytes``: (group, limit) for the registered-buffer kernel above that.
    ``staged_in_switch_groups``: groups for which that kernel reduces inside the switch.
    """

    custom_below_bytes: BytesByGroup
    one_shot_below_bytes: BytesByGroup
    staged_up_to_bytes: BytesByGroup = ()
    staged_in_switch_groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AllReduceMenu:
    """What may run: the library's algorithms, and an engine's kernels in front of them."""

    library: tuple[Algorithm, ...] = (Algorithm.RING, Algorithm.IN_NETWORK)
    custom: CustomAllReduce | None = None


_UNLIMITED = 1 << 62
_ONE_SHOT = ((2, _UNLIMITED), (4, 512 * KIB), (6, 256 * KIB), (8, 256 * KIB))
"""vLLM csrc/custom_all_reduce.cuh: the switch from one to two stages on fully linked devices."""

NCCL = AllReduceMenu()
"""Inside one NVLink domain NCCL's tree is a chain, so only rings and NVLS compete."""
SCALE_OUT = AllReduceMenu((Algorithm.RING, Algorithm.TREE, Algorithm.IN_NETWORK))
"""Between nodes trees compete too."""
ANY = AllReduceMenu(tuple(Algorithm))
"""The best of all algorithms, for devices whose library is not known."""
VLLM_AMPERE = AllReduceMenu(
    custom=CustomAllReduce(tuple((n, 8 * MIB) for n in (2, 4, 6, 8)), _ONE_SHOT)
)
"""vLLM vllm/distributed/device_communicators/custom_all_reduce.py: 8 MiB by default."""
VLLM_HOPPER = AllReduceMenu(
    custom=CustomAllReduce(
        ((2, 8 * MIB), (4, 8 * MIB), (6, 512 * KIB), (8, 256 * KIB)),
        _ONE_SHOT,
        ((2, 64 * MIB), (4, 32 * MIB), (6, 64 * MIB), (8, 64 * MIB)),
        (4, 6, 8),
    )
)
"""vLLM all_reduce_utils.py, compute capability 9.0, with custom limits cut to the 8 MiB default.

The staged limit is inclusive, as in current sources; older copies of symm_mem.py exclude it.
"""
VLLM_BLACKWELL = AllReduceMenu(
    custom=CustomAllReduce(
        ((2, 2 * MIB), (4, 2 * MIB), (6, MIB), (8, MIB)),
        _ONE_SHOT,
        ((2, 8 * MIB), (4, 32 * MIB), (6, 128 * MIB), (8, 128 * MIB)),
        (6, 8),
    )
)
"""The same table for compute capability 10.0."""


def all_reduce_s(
    message_bytes: ArrayLike,
    devices: ArrayLike,
    link: Link,
    menu: AllReduceMenu = NCCL,
    in_network: bool = True,
) -> FloatArray:
    """Seconds of an all-reduce of ``message_bytes`` held by each of ``devices`` ranks.

    ``in_network`` is False for datatypes that a switch cannot add (NVLS has no int8).
    """
    message, n = np.broadcast_arrays(
        np.asarray(message_bytes, dtype=np.float64), np.asarray(devices, dtype=np.float64)
    )
    allowed = [a for a in menu.library if in_network or a is not Algorithm.IN_NETWORK]
    seconds = np.min([_ALL_REDUCE[a](message, n, link) for a in allowed], axis=0)
    if menu.custom is None:
        return np.asarray(seconds, dtype=np.float64)
    rule = menu.custom
    direct = message < _limit(rule.custom_below_bytes, n)
    one_shot = message < _limit(rule.one_shot_below_bytes, n)
    staged = message <= _limit(rule.staged_up_to_bytes, n)
    in_switch = np.isin(n, rule.staged_in_switch_groups)
    return np.select(
        [direct & one_shot, direct, staged],
        [
            laws.one_shot_all_reduce_s(message, n, link),
            laws.two_shot_all_reduce_s(message, n, link),
            laws.staged_all_reduce_s(message, n, link, in_switch),
        ],
        seconds,
    )


def all_gather_s(
    message_bytes: ArrayLike, devices: ArrayLike, link: Link, recursive: bool = False
) -> FloatArray:
    """Seconds of an all-gather to ``message_bytes`` on every rank.

    ``recursive`` lets log-step schedules compete with the ring (one rank a node, scale-out).
    """
    ring_s = laws.ring_all_gather_s(message_bytes, devices, link)
    if not recursive:
        return ring_s
    return np.minimum(ring_s, laws.recursive_halving_s(message_bytes, devices, link))


def reduce_scatter_s(
    message_bytes: ArrayLike, devices: ArrayLike, link: Link, recursive: bool = False
) -> FloatArray:
    """Seconds of a reduce-scatter of ``message_bytes`` held by every rank before."""
    return all_gather_s(message_bytes, devices, link, recursive)


def _limit(pairs: BytesByGroup, devices: NDArray[np.float64]) -> FloatArray:
    """Limit for each group; -1 for groups that the kernel does not support."""
    limit = np.full(devices.shape, -1.0)
    for group, size in pairs:
        limit = np.where(devices == group, float(size), limit)
    return limit
