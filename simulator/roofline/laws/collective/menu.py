"""Which algorithm runs for a message: the library's choice, or an engine's own by its rules."""

import numpy as np
from numpy.typing import ArrayLike

from simulator.roofline.laws.collective import formula as laws
from simulator.roofline.laws.collective.constants import Link
from simulator.roofline.laws.collective.fabric import FloatArray
from simulator.roofline.laws.collective.formula import ALL_REDUCES
from simulator.roofline.laws.collective.kernels import AllReduceMenu, AllReduces

_EVERY = AllReduceMenu(tuple(ALL_REDUCES))
FASTEST = AllReduces(_EVERY, _EVERY)
"""The quickest of all algorithms, whoever has them: a roof."""


def all_reduce_s(
    message_bytes: ArrayLike, devices: ArrayLike, link: Link, menu: AllReduceMenu
) -> FloatArray:
    """Seconds of an all-reduce of ``message_bytes`` held by each of ``devices`` ranks."""
    message, n = np.broadcast_arrays(
        np.asarray(message_bytes, dtype=np.float64), np.asarray(devices, dtype=np.float64)
    )
    seconds = np.min([ALL_REDUCES[name](message, n, link) for name in menu.library], axis=0)
    if not menu.own:
        return np.asarray(seconds, dtype=np.float64)
    return np.select(
        [rule.takes(message, n) for rule in menu.own],
        [ALL_REDUCES[rule.kernel](message, n, link) for rule in menu.own],
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
