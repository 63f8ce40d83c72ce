"""How many steps of a run have begun by a given time, without taking them one by one."""

from simulator.serving.batch import DecodeBatch
from simulator.serving.block_pool import BlockPool
from simulator.serving.step_clock import DecodeCurve


def steps_until(
    curve: DecodeCurve, context: float, elapsed_s: float, most: int, most_s: float, most_j: float
) -> tuple[int, float, float]:
    """The fewest steps that take ``elapsed_s`` or longer, with their seconds and joules.

    ``most`` steps take ``most_s``, no less than ``elapsed_s``, and ``most_j``.
    Time grows almost linearly with steps, so a straight line between two known points lands
    next to the answer; halving takes over should that ever fail to close in.
    """
    below, below_s = 0, 0.0
    above, above_s, above_j = most, most_s, most_j
    tries = 0
    while above - below > 1:
        if tries < 6 and above_s > below_s:
            share = (elapsed_s - below_s) / (above_s - below_s)
            steps = below + int(share * (above - below)) + (tries % 2 == 0)
            steps = min(max(steps, below + 1), above - 1)
        else:
            steps = (below + above) // 2
        tries += 1
        time_s, energy_j = curve.run(context, steps)
        if time_s >= elapsed_s:
            above, above_s, above_j = steps, time_s, energy_j
            # The last step takes about as long as the others, at least three quarters of that:
            # then the one before it ended too early, and need not be tried.
            if time_s - 0.75 * time_s / steps < elapsed_s:
                break
        else:
            below, below_s = steps, time_s
    return above, above_s, above_j


class DecodeRun:
    """Decode steps in progress; the first begins ``stall_s`` after ``began_s``."""

    __slots__ = ("_taken_blocks", "began_s", "context", "curve", "stall_s")

    def __init__(self, curve: DecodeCurve, context: float, began_s: float, stall_s: float) -> None:
        self.curve = curve
        self.context = context
        self.began_s = began_s
        self.stall_s = stall_s
        self._taken_blocks = 0

    def until(
        self, now: float, most: int, most_s: float, most_j: float
    ) -> tuple[int, float, float]:
        """See ``steps_until``; ``most_s`` holds the stall, what is returned does not."""
        elapsed_s = now - self.began_s - self.stall_s
        return steps_until(self.curve, self.context, elapsed_s, most, most_s - self.stall_s, most_j)

    def end_s(self, steps: int) -> float:
        """When the first ``steps`` steps are over."""
        return self.began_s + self.stall_s + self.curve.run(self.context, steps)[0]

    def take_blocks(self, batch: DecodeBatch, pool: BlockPool, steps: int) -> None:
        """Take the blocks of the first ``steps`` steps, as far as they are not taken yet.

        Lower tiers hear of each eviction at the end of the step that causes it.
        """
        done = 0
        while done < steps:
            if pool.lower is None:
                done = steps
            else:
                # On to the last step that evicts nothing, or else one further.
                harmless = batch.steps_within(self._taken_blocks + pool.unused, steps)
                done = max(harmless, done + 1)
                pool.lower.now_s = self.end_s(done)
            blocks = batch.blocks_for(done)
            if blocks > self._taken_blocks:
                pool.take(blocks - self._taken_blocks)
                self._taken_blocks = blocks
