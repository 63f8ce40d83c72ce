"""How many steps of a run have begun by a given time, without taking them one by one."""

from simulator.serving.replica.batch import DecodeBatch
from simulator.serving.replica.block_pool import BlockPool
from simulator.serving.replica.step_clock import DecodeCurve


def steps_until(
    curve: DecodeCurve, context: float, elapsed_s: float, most: int, step_s: float
) -> tuple[int, float, float]:
    """The fewest steps that take ``elapsed_s`` or longer, with their seconds and joules.

    ``most`` steps where those do not take as long. A step takes about ``step_s``, and time grows
    almost linearly with steps, so the first try nearly always hits; halving takes over should
    straight lines ever fail to close in.
    """
    steps = most
    if elapsed_s < most * step_s:
        steps = int(elapsed_s / step_s) + 1 if elapsed_s > 0 else 1
    low, high = 1, most
    found: tuple[int, float, float] | None = None
    tries = 0
    while True:
        tries += 1
        time_s, energy_j = curve.run(context, steps)
        if time_s < elapsed_s:
            low = steps + 1
        elif time_s - 0.75 * time_s / steps < elapsed_s:
            # The last step takes about as long as the others, at least three quarters of that:
            # then the one before it ended too early, and need not be tried.
            return steps, time_s, energy_j
        else:
            found, high = (steps, time_s, energy_j), steps - 1
        if low > high:
            return found or (steps, time_s, energy_j)
        wanted = int(elapsed_s / time_s * steps) + 1 if tries < 6 else (low + high) // 2
        steps = min(max(wanted, low), high)


class DecodeRun:
    """Decode steps in progress; the first begins ``stall_s`` after ``began_s``.

    A replica has one such object for all of its runs.
    """

    __slots__ = ("_taken_blocks", "began_s", "context", "curve", "stall_s", "under_way")

    curve: DecodeCurve

    def __init__(self) -> None:
        self.under_way = False

    def begin(self, curve: DecodeCurve, context: float, began_s: float, stall_s: float) -> None:
        """Another run is under way."""
        self.under_way = True
        self.curve = curve
        self.context = context
        self.began_s = began_s
        self.stall_s = stall_s
        self._taken_blocks = 0

    def until(self, now: float, most: int, step_s: float) -> tuple[int, float, float]:
        """See ``steps_until``; the seconds that it returns do not hold the stall."""
        return steps_until(
            self.curve, self.context, now - self.began_s - self.stall_s, most, step_s
        )

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
