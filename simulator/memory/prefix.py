"""Cached prompt prefixes: units of text that several sequences share, and the least recently used.

A unit is a run of tokens known by a hash that is chained, so equal hashes at equal places mean
equal text up to there. A unit that some sequence holds stays; one that nobody holds is idle and
may be evicted, the one idle for longest first, as block caches of serving engines do.
"""

from collections.abc import Sequence


class PrefixCache:
    """Which units are resident, who holds them, and in which order idle ones go.

    Sizes are in cache blocks. The cache never takes room by itself: its owner says how much may
    stay idle (``shrink``), so free memory is used fully and yielded at once. ``held_block_s`` are
    block-seconds that units lay idle until somebody came for them, by the owner's clock ``now_s``.
    """

    __slots__ = ("_blocks", "_holders", "_idle", "held_block_s", "idle_blocks", "now_s")

    def __init__(self) -> None:
        self._holders: dict[int, int] = {}
        self._blocks: dict[int, int] = {}
        # Since when each is idle; insertion order is the order of becoming so.
        self._idle: dict[int, float] = {}
        self.idle_blocks = 0
        self.now_s = 0.0
        self.held_block_s = 0.0

    def __len__(self) -> int:
        return len(self._holders)

    def match(self, units: Sequence[int]) -> int:
        """How many leading ``units`` are resident."""
        holders = self._holders
        count = 0
        for unit in units:
            if unit not in holders:
                break
            count += 1
        return count

    def size(self, units: Sequence[int]) -> int:
        """Blocks that resident ``units`` fill."""
        blocks = self._blocks
        return sum([blocks[unit] for unit in units])

    def idle_among(self, units: Sequence[int]) -> int:
        """Blocks of those ``units`` that are idle: what holding them takes from free memory."""
        idle, blocks = self._idle, self._blocks
        return sum([blocks[unit] for unit in units if unit in idle])

    def hold(self, units: Sequence[int]) -> int:
        """Hold resident ``units``; returns the blocks of those that were idle."""
        holders, idle = self._holders, self._idle
        woken = 0
        for unit in units:
            holders[unit] += 1
            if unit in idle:
                blocks = self._blocks[unit]
                self.held_block_s += blocks * (self.now_s - idle.pop(unit))
                woken += blocks
        self.idle_blocks -= woken
        return woken

    def insert(self, unit: int, blocks: int) -> bool:
        """Make a new unit resident, held once; False when it already is resident."""
        if unit in self._holders:
            return False
        self._holders[unit] = 1
        self._blocks[unit] = blocks
        return True

    def release(self, units: Sequence[int]) -> int:
        """Let go of ``units``; returns the blocks of those that are idle now.

        The last unit becomes idle first, so that a prefix outlives what hangs on it.
        """
        holders, idle, blocks, now_s = self._holders, self._idle, self._blocks, self.now_s
        freed = 0
        for unit in reversed(units):
            left = holders[unit] - 1
            holders[unit] = left
            if not left:
                idle[unit] = now_s
                freed += blocks[unit]
        self.idle_blocks += freed
        return freed

    def shrink(self, room_blocks: int, evicted: list[tuple[int, int]] | None = None) -> None:
        """Evict the longest idle units until idle ones take no more than ``room_blocks``.

        Units that go are appended to ``evicted`` with their blocks, in order.
        """
        while self.idle_blocks > room_blocks:
            unit = next(iter(self._idle))
            del self._idle[unit]
            del self._holders[unit]
            blocks = self._blocks.pop(unit)
            self.idle_blocks -= blocks
            if evicted is not None:
                evicted.append((unit, blocks))
