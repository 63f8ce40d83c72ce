"""What sequences leave in freed blocks: of use to a thrown-out one that comes back soon enough.

Engines that cache prefixes keep the hash of a freed block until the block is handed out again, the
one free for longest first and of one sequence the last block first.
"""


class Remnants:
    """Blocks by who left them, the oldest first. Its owner says how much room there is."""

    __slots__ = ("_left", "blocks")

    def __init__(self) -> None:
        self._left: dict[int, int] = {}
        self.blocks = 0

    def leave(self, owner: int, blocks: int) -> None:
        """``owner`` frees ``blocks`` that hold its text."""
        self._left[owner] = blocks
        self.blocks += blocks

    def of(self, owner: int) -> int:
        """Blocks of ``owner`` that still hold its text."""
        return self._left.get(owner, 0)

    def fetch(self, owner: int) -> None:
        """``owner`` takes its blocks back."""
        self.blocks -= self._left.pop(owner, 0)

    def shrink(self, room_blocks: int) -> None:
        """Hand out the oldest until no more than ``room_blocks`` are left."""
        while self.blocks > room_blocks:
            owner = next(iter(self._left))
            gone = min(self._left[owner], self.blocks - room_blocks)
            self._left[owner] -= gone
            self.blocks -= gone
            if not self._left[owner]:
                del self._left[owner]
