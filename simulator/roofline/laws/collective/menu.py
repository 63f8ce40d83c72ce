"""Which algorithm an engine runs for a message: the library's choice, or a written rule.

A library picks what its own model says is fastest, which the minimum over its algorithms
follows closely. Engines put kernels of their own in front, by rules of size and group that are
facts about their source, not about the hardware.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.roofline.laws.collective import formula as laws
from simulator.roofline.laws.collective.constants import Link
from simulator.roofline.laws.collective.fabric import FloatArray
from simulator.roofline.laws.collective.kernels import NCCL, Algorithm, AllReduceMenu, BytesByGroup

_ALL_REDUCE = {
    Algorithm.RING: laws.ring_all_reduce_s,
    Algorithm.TREE: laws.tree_all_reduce_s,
    Algorithm.ONE_SHOT: laws.one_shot_all_reduce_s,
    Algorithm.TWO_SHOT: laws.two_shot_all_reduce_s,
    Algorithm.IN_NETWORK: laws.in_network_all_reduce_s,
}


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
