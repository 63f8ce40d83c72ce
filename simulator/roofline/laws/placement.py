"""Copies of popular experts, which share their tokens (expert-parallel load balancing)."""

from heapq import heapify, heapreplace

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def with_copies(selection: ArrayLike, redundant: int) -> FloatArray:
    """Selection probability of every expert and copy when ``redundant`` copies are placed.

    Each copy goes to the expert whose replicas carry most, and the replicas of an expert share
    its tokens evenly (the greedy replication of DeepSeek's EPLB). ``selection`` has shape
    ``(E,)``, the result ``(E + redundant,)`` with the same sum. Raises ``ValueError`` for a
    negative number of copies.
    """
    chosen = np.asarray(selection, dtype=np.float64)
    if redundant < 0:
        raise ValueError(f"redundant: cannot be negative, got {redundant}")
    if redundant == 0:
        return chosen
    replicas = np.ones(chosen.size, dtype=np.int64)
    heaviest = [(-share, index) for index, share in enumerate(chosen.tolist())]
    heapify(heaviest)
    for _ in range(redundant):
        _, index = heaviest[0]
        replicas[index] += 1
        heapreplace(heaviest, (-float(chosen[index] / replicas[index]), index))
    return np.repeat(chosen / replicas, replicas)
