"""Moving a finished prompt's cache from a prefill replica to a decode replica."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transfer:
    """The links between prefill and decode replicas.

    Args:
        seconds: time on a free link for the cache of that many tokens.
        links: transfers that run side by side; more of them wait their turn.
    """

    seconds: Callable[[int], float]
    links: int = 1


class Links:
    """When each link is free again; a transfer takes the one that is free first."""

    def __init__(self, transfer: Transfer) -> None:
        self._seconds = transfer.seconds
        self._free_at = [0.0] * transfer.links

    def arrival_s(self, tokens: int, now: float) -> float:
        """Time at which a cache of ``tokens`` that is sent now has arrived."""
        taken_s = self._seconds(tokens)
        end_s = max(now, self._free_at[0]) + taken_s
        heapq.heapreplace(self._free_at, end_s)
        return end_s
