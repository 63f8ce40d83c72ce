"""The sequences that decode together, known only through sums.

All of them gain the same tokens in a step, so the batch keeps one clock of steps (``tick``) and
one of tokens (``position``), and each sequence remembers the position at which it joined. Total
context, the next end, and the cache blocks that any number of further steps needs follow without
touching the sequences one by one. Where the gain hangs on how many decode, the clocks begin anew
whenever it changes.
"""

import heapq

from simulator.roofline.step.decoding import PLAIN, DecodeMode, steps_for
from simulator.serving.traffic.request import Request

NEVER = 1 << 62


class DecodeBatch:
    """Sequences in their decode phase, on a replica with cache blocks of ``block_tokens``."""

    __slots__ = (
        "_began_at",
        "_began_tick",
        "_block_tokens",
        "_ends",
        "_growth",
        "_mode",
        "_next_end_at",
        "_room",
        "_surplus",
        "context_sum",
        "gain",
        "next_end",
        "position",
        "sequences",
        "tick",
    )

    def __init__(self, block_tokens: int, mode: DecodeMode = PLAIN) -> None:
        self.tick = 0
        self.position = 0
        self.context_sum = 0
        # The tick at which the next sequence ends, and its position.
        self.next_end = NEVER
        self._next_end_at = NEVER
        self.sequences: dict[int, Request] = {}
        self._block_tokens = block_tokens
        self._mode = mode
        # Tokens of a sequence in a step, and the tick and position from which that holds.
        self.gain: float = mode.tokens
        self._began_tick = 0
        self._began_at = 0
        # Tokens that sequences were counted beyond what they got when they left.
        self._surplus = 0
        # Tokens for which a sequence holds room beside its own.
        self._room = mode.width - 1
        # By the position at which they end.
        self._ends: list[tuple[int, int, int, Request]] = []
        # How many sequences need a new block at positions ≡ r (mod block size); written twice
        # over so that a window that wraps around is one slice.
        self._growth = [0] * (2 * block_tokens)

    @property
    def context(self) -> float:
        """Mean tokens of a sequence, exact between whole tokens too."""
        ahead = self._began_at + (self.tick - self._began_tick) * self.gain - self.position
        return self.context_sum / len(self.sequences) + ahead

    @property
    def rows(self) -> int:
        """Tokens that the sequences take of a step's budget."""
        sequences = len(self.sequences)
        return sequences * self._mode.width if sequences <= self._mode.up_to else sequences

    def _position_at(self, tick: int) -> int:
        return self._began_at + int((tick - self._began_tick) * self.gain)

    def _keep_pace(self) -> None:
        """Begin the clocks anew where another number of sequences gains otherwise."""
        gain: float = self._mode.tokens if len(self.sequences) <= self._mode.up_to else 1
        if gain != self.gain:
            self.gain = gain
            self._began_tick, self._began_at = self.tick, self.position
            self._end_next_at(self._next_end_at)

    def _end_next_at(self, position: int) -> None:
        self._next_end_at = position
        if position == NEVER:
            self.next_end = NEVER
        else:
            left = position - self._began_at
            self.next_end = self._began_tick + steps_for(left, self.gain)

    def join(self, request: Request, left: int) -> None:
        """Let ``request`` decode from the next step on, until it has ``left`` tokens more.

        That is so many tokens on, or as many steps as the mode draws for them.
        """
        position, size = self.position, self._block_tokens
        request.joined_at = position
        self.sequences[request.index] = request
        self.context_sum += request.computed
        residue = (position - request.computed - self._room) % size
        self._growth[residue] += 1
        self._growth[residue + size] += 1
        self._keep_pace()
        drawn = self._mode.steps_of(left, request.index, request.epoch)
        end = position + left if drawn is None else self._position_at(self.tick + drawn)
        heapq.heappush(self._ends, (end, request.index, request.epoch, request))
        if end < self._next_end_at:
            self._end_next_at(end)

    def leave(self, request: Request) -> None:
        """Take out a sequence that must not end yet; it may join again later."""
        gained = self._take_out(request)
        request.blocks = -(-(request.computed + gained + self._room) // self._block_tokens)
        # One whose steps are drawn may have gained more than is left, but it has not ended.
        most = request.output_tokens - request.generated - 1
        if gained > most:
            self._surplus += gained - most
            gained = most
        request.computed += gained
        request.generated += gained
        request.epoch += 1
        self._find_next_end()

    def pop_ended(self) -> tuple[list[Request], int]:
        """Take out the sequences that have all their tokens, and count those beyond.

        The last step may give more tokens than were left; nobody gets them. Fewer than none are
        those of sequences whose steps are drawn, and gave more than steps do on average.
        """
        ended: list[Request] = []
        surplus, self._surplus = self._surplus, 0
        tick, ends, room, size = self.tick, self._ends, self._room, self._block_tokens
        while self.next_end <= tick:
            request = heapq.heappop(ends)[3]
            gained = self._take_out(request)
            left = request.output_tokens - request.generated
            request.blocks = -(-(request.computed + gained + room) // size)
            # What lies behind its last token is no text of anybody.
            request.computed += min(left, gained)
            request.generated += left
            surplus += gained - left
            ended.append(request)
            if ends and ends[0][3].epoch == ends[0][2]:
                self._end_next_at(ends[0][0])
            else:
                self._find_next_end()
        return ended, surplus

    def _take_out(self, request: Request) -> int:
        """Remove a sequence from the sums; returns the tokens that it has gained."""
        joined_at, size = request.joined_at, self._block_tokens
        residue = (joined_at - request.computed - self._room) % size
        self._growth[residue] -= 1
        self._growth[residue + size] -= 1
        gained = self.position - joined_at
        self.context_sum -= request.computed + gained
        del self.sequences[request.index]
        self._keep_pace()
        return gained

    def _find_next_end(self) -> None:
        ends = self._ends
        while ends and ends[0][3].epoch != ends[0][2]:
            heapq.heappop(ends)  # It left early and has come, or will come, back.
        self._end_next_at(ends[0][0] if ends else NEVER)

    def advance(self, steps: int) -> int:
        """Every sequence gains the tokens of ``steps`` steps; returns how many all of them do."""
        self.tick = tick = self.tick + steps
        position = self._position_at(tick)
        gained = (position - self.position) * len(self.sequences)
        self.position = position
        self.context_sum += gained
        return gained

    def blocks_for(self, steps: int) -> int:
        """New blocks that the next ``steps`` steps need."""
        size, position = self._block_tokens, self.position
        gained = self._position_at(self.tick + steps) - position
        start = position % size
        if gained == 1:
            return self._growth[start]
        if gained < size:
            return sum(self._growth[start : start + gained])
        whole, rest = divmod(gained, size)
        return whole * len(self.sequences) + sum(self._growth[start : start + rest])

    def steps_within(self, blocks: int, most: int) -> int:
        """How many of the next ``most`` steps ``blocks`` last for (at least one)."""
        # Whatever the residues, n sequences take at most n blocks every block size of tokens.
        gained = self._position_at(self.tick + most) - self.position
        if blocks >= len(self.sequences) * (gained // self._block_tokens + 1):
            return most
        low, high = 1, most
        while low < high:
            middle = (low + high + 1) // 2
            if self.blocks_for(middle) <= blocks:
                low = middle
            else:
                high = middle - 1
        return low
