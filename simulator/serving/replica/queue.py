"""Requests that wait to be admitted, in the order of a policy."""

import heapq
from math import inf

from simulator.serving.policies.ordering import Ordering
from simulator.serving.traffic.request import Request

_THROWN_OUT, _NEW, _LATE = range(3)


class WaitingQueue:
    """A priority queue; those thrown out of the batch come first, in their old order.

    ``entries`` is a heap, for others to look at its length only.
    """

    __slots__ = ("_key", "_late_last", "entries", "newcomers_last")

    def __init__(self, ordering: Ordering) -> None:
        self._key = ordering.key
        self._late_last = ordering.late_last
        self.newcomers_last = ordering.newcomers_last
        self.entries: list[tuple[int, float, int, Request]] = []

    def __len__(self) -> int:
        return len(self.entries)

    def push(self, request: Request) -> None:
        """Add a newcomer."""
        heapq.heappush(self.entries, (_NEW, self._key(request), request.index, request))

    def push_back(self, request: Request) -> None:
        """Add one that had been admitted and was thrown out."""
        heapq.heappush(self.entries, (_THROWN_OUT, self._key(request), request.index, request))

    def first(self, now: float) -> Request:
        """Who is next at the time ``now``; the queue must not be empty."""
        heap = self.entries
        if self._late_last:
            while heap[0][0] == _NEW and heap[0][3].deadline_s < now:
                _, key, index, request = heap[0]
                heapq.heapreplace(heap, (_LATE, key, index, request))
        return heap[0][3]

    def first_is_late_at(self) -> float:
        """When the first will have to let others go first; infinity for never."""
        if not self._late_last or not self.entries or self.entries[0][0] != _NEW:
            return inf
        return self.entries[0][3].deadline_s

    def pop(self) -> None:
        """Remove the first."""
        heapq.heappop(self.entries)

    def clear(self) -> list[Request]:
        """Empty the queue; returns who waited, in order."""
        waited = [entry[3] for entry in sorted(self.entries)]
        self.entries.clear()
        return waited
