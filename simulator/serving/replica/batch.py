"""The sequences that decode together, known only through sums.

All of them gain one token a step, so the batch keeps one clock of steps (``tick``) and each
sequence remembers the tick at which it joined. Total context, the next end, and the cache blocks
that any number of further steps needs follow without touching the sequences one by one.
"""

import heapq

from simulator.serving.traffic.request import Request

NEVER = 1 << 62


class DecodeBatch:
    """Sequences in their decode phase, on a replica with cache blocks of ``block_tokens``."""

    __slots__ = (
        "_block_tokens",
        "_ends",
        "_growth",
        "context_sum",
        "next_end",
        "sequences",
        "tick",
    )

    def __init__(self, block_tokens: int) -> None:
        self.tick = 0
        self.context_sum = 0
        # The tick at which the next sequence ends.
        self.next_end = NEVER
        self.sequences: dict[int, Request] = {}
        self._block_tokens = block_tokens
        self._ends: list[tuple[int, int, int, Request]] = []
        # How many sequences need a new block at ticks ≡ r (mod block size); written twice over
        # so that a window that wraps around is one slice.
        self._growth = [0] * (2 * block_tokens)

    def join(self, request: Request, left: int) -> None:
        """Let ``request`` decode from the next step on, for ``left`` steps."""
        tick, size = self.tick, self._block_tokens
        request.joined_tick = tick
        self.sequences[request.index] = request
        self.context_sum += request.computed
        residue = (tick - request.computed) % size
        self._growth[residue] += 1
        self._growth[residue + size] += 1
        end = tick + left
        heapq.heappush(self._ends, (end, request.index, request.epoch, request))
        if end < self.next_end:
            self.next_end = end

    def leave(self, request: Request) -> None:
        """Take out a sequence that must not end yet; it may join again later."""
        self._take_out(request)
        request.epoch += 1
        self._find_next_end()

    def pop_ended(self) -> list[Request]:
        """Take out the sequences whose last step is done."""
        ended: list[Request] = []
        tick = self.tick
        while self.next_end <= tick:
            request = heapq.heappop(self._ends)[3]
            self._take_out(request)
            ended.append(request)
            self._find_next_end()
        return ended

    def _take_out(self, request: Request) -> None:
        """Remove a sequence from the sums, and bring its own counts up to date."""
        tick, size = self.tick, self._block_tokens
        residue = (request.joined_tick - request.computed) % size
        self._growth[residue] -= 1
        self._growth[residue + size] -= 1
        advanced = tick - request.joined_tick
        request.computed += advanced
        request.generated += advanced
        request.blocks = -(-request.computed // size)
        self.context_sum -= request.computed
        del self.sequences[request.index]

    def _find_next_end(self) -> None:
        ends = self._ends
        while ends and ends[0][3].epoch != ends[0][2]:
            heapq.heappop(ends)  # It left early and has come, or will come, back.
        self.next_end = ends[0][0] if ends else NEVER

    def advance(self, steps: int) -> None:
        """Every sequence gains ``steps`` tokens."""
        self.tick += steps
        self.context_sum += steps * len(self.sequences)

    def next_blocks(self) -> int:
        """New blocks that the next step needs."""
        return self._growth[self.tick % self._block_tokens]

    def blocks_for(self, steps: int) -> int:
        """New blocks that the next ``steps`` steps need."""
        size = self._block_tokens
        whole, rest = divmod(steps, size)
        start = self.tick % size
        return whole * len(self.sequences) + sum(self._growth[start : start + rest])

    def steps_within(self, blocks: int, most: int) -> int:
        """How many of the next ``most`` steps ``blocks`` last for (at least one)."""
        size = self._block_tokens
        # Whatever the residues, n sequences take at most n blocks every ``size`` steps.
        if blocks >= len(self.sequences) * (most // size + 1):
            return most
        low, high = 1, most
        while low < high:
            middle = (low + high + 1) // 2
            if self.blocks_for(middle) <= blocks:
                low = middle
            else:
                high = middle - 1
        return low
