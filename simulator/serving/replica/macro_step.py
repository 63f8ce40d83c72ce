"""Runs of decode steps: how far they may go, and how many have begun by a given time."""

from math import inf

from simulator.serving.replica.batch import DecodeBatch
from simulator.serving.replica.block_pool import BlockPool
from simulator.serving.replica.scheduler import Scheduler
from simulator.serving.replica.step_clock import DecodeCurve
from simulator.serving.traffic.sources import OpenStream


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
    time_s, energy_j = curve.run(context, steps)
    if time_s < elapsed_s:
        if steps == most:
            return steps, time_s, energy_j
    elif time_s - 0.75 * time_s / steps < elapsed_s:
        # The last step takes about as long as the others, at least three quarters of that:
        # then the one before it ended too early, and need not be tried.
        return steps, time_s, energy_j
    return _searched(curve, context, elapsed_s, most, (steps, time_s, energy_j))


def until_someone_may_come(
    scheduler: Scheduler, stream: OpenStream | None, steps: int
) -> tuple[int, float]:
    """Of ``steps`` those after which someone who waits may be let in, and by when for sure."""
    if scheduler.held_back:
        steps = 1
    if scheduler.watches_evictions:
        steps = scheduler.batch.steps_within(scheduler.pool.unused, steps)
    until_s = scheduler.next_load_s() if scheduler.loading else inf
    if scheduler.waiting.entries:
        until_s = min(until_s, scheduler.waiting.first_is_late_at())
        if scheduler.waiting.newcomers_last:
            return steps, until_s
    if stream is not None and scheduler.has_place:
        until_s = min(until_s, stream.next_s)
    return steps, until_s


def _searched(
    curve: DecodeCurve,
    context: float,
    elapsed_s: float,
    most: int,
    tried: tuple[int, float, float],
) -> tuple[int, float, float]:
    """``steps_until``, after a first try that missed."""
    low, high = 1, most
    found: tuple[int, float, float] | None = None
    tries = 1
    while True:
        steps, time_s, _ = tried
        if time_s < elapsed_s:
            low = steps + 1
        elif time_s - 0.75 * time_s / steps < elapsed_s:
            return tried
        else:
            found, high = tried, steps - 1
        if low > high:
            return found or tried
        wanted = int(elapsed_s / time_s * steps) + 1 if tries < 6 else (low + high) // 2
        steps = min(max(wanted, low), high)
        tried = (steps, *curve.run(context, steps))
        tries += 1


class DecodeRun:
    """``steps`` decode steps in progress; the first begins ``stall_s`` after ``began_s``.

    A replica has one such object for all of its runs. ``step_s`` is the mean step of the last.
    """

    __slots__ = (
        "_taken_blocks",
        "began_s",
        "context",
        "curve",
        "stall_s",
        "step_s",
        "steps",
        "under_way",
    )

    curve: DecodeCurve
    context: float
    began_s: float
    stall_s: float
    steps: int

    def __init__(self) -> None:
        self.under_way = False
        self.step_s = 0.0
        self._taken_blocks = 0

    def begun_by(self, now: float) -> tuple[int, float, float]:
        """Steps that have begun by ``now``, with their seconds (without the stall) and joules."""
        elapsed_s = now - self.began_s - self.stall_s
        return steps_until(self.curve, self.context, elapsed_s, self.steps, self.step_s)

    def end_s(self, steps: int) -> float:
        """When the first ``steps`` steps are over."""
        return self.began_s + self.stall_s + self.curve.run(self.context, steps)[0]

    def finish(self, batch: DecodeBatch, pool: BlockPool) -> int:
        """All steps are done: take what is left of their blocks; returns the tokens gained."""
        self.under_way = False
        if pool.lower is not None:
            self._take_blocks_in_turn(batch, pool, self.steps)
        elif (blocks := batch.blocks_for(self.steps) - self._taken_blocks) > 0:
            pool.take(blocks)
        self._taken_blocks = 0
        return batch.advance(self.steps)

    def take_blocks_by(self, now: float, batch: DecodeBatch, pool: BlockPool) -> None:
        """Take the blocks of the steps done, which evict prefixes, before the run is over."""
        if self.under_way:
            self.take_blocks(batch, pool, self.begun_by(now)[0] - 1)

    def take_blocks(self, batch: DecodeBatch, pool: BlockPool, steps: int) -> None:
        """Take the blocks of the first ``steps`` steps, as far as they are not taken yet."""
        if pool.lower is not None:
            self._take_blocks_in_turn(batch, pool, steps)
            return
        blocks = batch.blocks_for(steps) - self._taken_blocks
        if blocks > 0:
            pool.take(blocks)
            self._taken_blocks += blocks

    def _take_blocks_in_turn(self, batch: DecodeBatch, pool: BlockPool, steps: int) -> None:
        """Let lower tiers hear of each eviction at the end of the step that causes it."""
        assert pool.lower is not None
        done = 0
        while done < steps:
            # On to the last step that evicts nothing, or else one further.
            harmless = batch.steps_within(self._taken_blocks + pool.unused, steps)
            done = max(harmless, done + 1)
            pool.lower.now_s = self.end_s(done)
            blocks = batch.blocks_for(done)
            if blocks > self._taken_blocks:
                pool.take(blocks - self._taken_blocks)
                self._taken_blocks = blocks

    def give_up(self) -> None:
        """The replica went down."""
        self.under_way = False
        self._taken_blocks = 0
