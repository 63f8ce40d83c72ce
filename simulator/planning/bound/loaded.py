"""A loaded replica by formula: first tokens, pace of answers and load at given rates of arrival."""

from dataclasses import dataclass

import numpy as np

from simulator.graph.step_shape import FloatArray
from simulator.planning.bound.occupancy import occupancy
from simulator.planning.bound.pace import Pace
from simulator.planning.bound.queueing import even_service_wait, waiting_time
from simulator.planning.bound.steps import steps_at

_TAIL = 0.01
_Z_TAIL = 2.33
"""So many standard deviations above its mean a normal number is once in a hundred times."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one replica does at each of r rates; every field has the shape (r,).

    Args:
        rate: requests a second that come.
        ttft_s, ttft_p99_s: from a request's arrival to its first token, mean and 99 %.
        tpot_s, tpot_p99_s: between tokens of an answer, mean and 99 % of answers.
        sequences: that run at once, on average.
        load: the larger of the shares that arrivals take of what the replica completes, with all
            its places taken, and of what it reads of prompts; from 1 on queues grow without end.
    """

    rate: FloatArray
    ttft_s: FloatArray
    ttft_p99_s: FloatArray
    tpot_s: FloatArray
    tpot_p99_s: FloatArray
    sequences: FloatArray
    load: FloatArray

    @property
    def is_steady(self) -> FloatArray:
        """Whether queues stay finite."""
        return np.asarray(self.load < 1.0)


def loaded(pace: Pace, rate: FloatArray, gaps_cv2: float = 1.0) -> Loaded:
    """What a replica does to which ``rate`` requests a second come (numbers of shape (r,)).

    ``gaps_cv2`` is the squared variation of the gaps between arrivals, 1 for Poisson's. A prompt
    waits for the step under way, for prompts before it that fill further steps, and for a place
    among the running sequences; then it is read in a step of its own, beside those that came with
    it. An answer goes on at the pace of the steps, slower at first while those are read that came
    during its own prompt.
    """
    lengths, limits = pace.lengths, pace.limits
    came = np.asarray(rate, float)[:, None]
    steps = steps_at(pace, came)
    most = np.maximum(pace.together, 1.0)
    full_s = pace.with_prompts_s(np.broadcast_to(most, steps.mean_s.shape))
    is_whole = pace.together >= 1.0
    base_s = pace.decode_s if pace.shares_steps else np.zeros_like(pace.decode_s)
    taken = came * pace.chunks * full_s / most
    seen_s = steps.square_s2 / steps.mean_s
    beside = np.minimum(came * seen_s, np.maximum(pace.together - 1.0, 0.0))
    queue_s = taken * waiting_time(
        taken, most, pace.chunks * full_s, gaps_cv2, lengths.prompt_cv2
    )
    alone_s = pace.prompt_s[:, 0]
    cut_s = np.ceil(pace.chunks - 1e-9) * base_s + pace.chunks * (alone_s - base_s)
    own_s = np.where(is_whole, pace.with_prompts_s(np.minimum(1.0 + beside, most)), cut_s)
    # What a prompt adds to steps on average; and those that came while an answer's own was read.
    added_s = (steps.mean_s - pace.decode_s * steps.decoding) / np.maximum(steps.arrivals, 1e-12)
    missed = came * (own_s + queue_s + np.where(pace.together < 2.0, seen_s / 2, 0.0))
    late = np.maximum(missed - steps.arrivals, 0.0) * added_s
    late_s = late / np.maximum(1.0 - came * added_s, 0.02) / pace.steps
    token_s = steps.mean_s / steps.decoding + late_s
    if pace.shares_steps:
        token_s = np.minimum(token_s, np.maximum(full_s, steps.mean_s))
    knots = pace.sequences
    run = occupancy(knots, came, knots / (pace.steps * token_s))
    gain = pace.steps / max(lengths.answer - 1.0, 1e-9)
    tpot_s = run.mean / (came * pace.steps) * gain
    place_s = run.waiting / came * (gaps_cv2 + lengths.answer_cv2) / 2
    when_empty_s = own_s[:, :1] * (1.0 + np.minimum(came * own_s[:, :1], 1.0) / 2)
    inside_s = run.average(seen_s / 2 + queue_s + own_s, when_empty_s)
    front_s = 0.0
    if limits.front_end is not None:
        takes_s = limits.front_end.request_s + limits.front_end.token_s * lengths.prompt
        front_s = takes_s + even_service_wait(came, takes_s)
    ttft_s = limits.request_overhead_s + front_s + inside_s + place_s
    prompts_load = run.average(taken, taken[:, :1])
    load = np.maximum(run.load, prompts_load)
    # Deviations of independent causes, each at its own 99 %, add up as squares.
    late_queue_s = _late(prompts_load, run.average(queue_s, np.zeros_like(came)))
    longer = max(lengths.prompt_p99 / lengths.prompt - 1.0, 0.0)
    read_s = run.average(own_s, own_s[:, :1])
    step_s = run.average(seen_s / 2, np.zeros_like(came))
    ttft_off = np.sqrt(
        late_queue_s**2 + _late(run.full, place_s) ** 2 + (longer * read_s) ** 2 + step_s**2
    )
    fuller_s = _at(run.high, knots, token_s) - _at(run.mean, knots, token_s)
    met = came * pace.steps * run.average(token_s, token_s[:, :1])
    # The 99 % of a Poisson number, with E. A. Cornish and R. A. Fisher's term for its skewness.
    more = _Z_TAIL * np.sqrt(met) + (_Z_TAIL**2 - 1.0) / 6
    short = pace.steps / (1.0 + 2.0 * lengths.answer_cv2)
    bursts_s = np.minimum(
        more * run.average(added_s, added_s[:, :1]) / short, run.average(full_s, full_s[:, :1])
    )
    tpot_off = gain * np.sqrt(fuller_s**2 + bursts_s**2)
    found = (came, ttft_s, ttft_s + ttft_off, tpot_s, tpot_s + tpot_off, run.mean, load)
    return Loaded(*(np.broadcast_to(x, came.shape)[:, 0] for x in found))


def _late(probability: FloatArray, mean_s: FloatArray) -> FloatArray:
    """How much above its mean a wait is once in a hundred times.

    With ``probability`` there is one at all, and it is then exponential, as in a busy queue.
    """
    some = np.clip(probability, 1e-6, 1.0)
    return np.asarray(np.maximum(mean_s / some * np.log(np.maximum(some / _TAIL, 1.0)) - mean_s, 0))


def _at(numbers: FloatArray, knots: FloatArray, values: FloatArray) -> FloatArray:
    """``values`` (r, n) at ``numbers`` (r, 1) between ``knots``."""
    place = np.clip(np.searchsorted(knots, numbers[:, 0], side="right") - 1, 0, knots.size - 1)
    after = np.minimum(place + 1, knots.size - 1)
    gap = np.maximum(knots[after] - knots[place], 1.0)
    share = np.clip((numbers[:, 0] - knots[place]) / gap, 0.0, 1.0)
    row = np.arange(values.shape[0])
    found = values[row, place] * (1.0 - share) + values[row, after] * share
    return np.asarray(found[:, None])


def saturation(pace: Pace, gaps_cv2: float = 1.0) -> float:
    """The most requests a second that one replica can take with queues that stay finite."""
    low, high = -14.0, 14.0
    for _ in range(4):
        grid = np.linspace(low, high, 24)
        steady = loaded(pace, np.exp(grid), gaps_cv2).is_steady
        last = int(np.argmin(steady)) if not steady.all() else grid.size
        if last == 0:
            return 0.0
        low, high = grid[last - 1], grid[min(last, grid.size - 1)]
    return float(np.exp(low))
