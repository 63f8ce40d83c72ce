"""Which all-reduces may run: a library's algorithms, and an engine's own kernels by their rules.

A library picks what its own model says is fastest, which the minimum over its algorithms follows
closely. Engines put kernels of their own in front, by rules of size and group that are facts
about their source, not about the hardware. Both are named as the functions of ``formula`` are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.roofline.laws.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class MessageRule:
    """Messages that a ``kernel`` of an engine takes: up to a size, by devices of the group."""

    kernel: str
    limits: Mapping[int, float]
    is_inclusive: bool = False

    def takes(self, message_bytes: FloatArray, devices: FloatArray) -> NDArray[np.bool_]:
        """Whether the kernel serves such a group and takes such a message."""
        limit = np.full(devices.shape, -1.0)
        for group, size in self.limits.items():
            limit = np.where(devices == group, size, limit)
        found: NDArray[np.bool_] = message_bytes < limit
        return found | (message_bytes == limit) if self.is_inclusive else found


@dataclass(frozen=True, slots=True)
class AllReduceMenu:
    """What may run on one kind of links: the fastest of ``library``, behind the ``own`` rules."""

    library: tuple[str, ...]
    own: tuple[MessageRule, ...] = ()


@dataclass(frozen=True, slots=True)
class AllReduces:
    """All-reduces among the nearest devices, and between their domains."""

    scale_up: AllReduceMenu
    scale_out: AllReduceMenu
