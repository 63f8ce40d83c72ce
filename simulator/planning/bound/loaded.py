"""A loaded replica by formula: first tokens, pace of answers and load at given rates."""

from dataclasses import dataclass

import numpy as np

from simulator.graph.step_shape import FloatArray
from simulator.planning.bound.bursts import late_tokens_s
from simulator.planning.bound.occupancy import occupancy
from simulator.planning.bound.pace import Pace
from simulator.planning.bound.queueing import even_service_wait, waiting_time
from simulator.planning.bound.steps import steps_at
from simulator.serving.replica.door import LookEvery
from simulator.serving.replica.limits import EngineLimits

_TAIL = 0.01


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one replica does at each of r rates; every field has the shape (r,).

    Args:
        rate: requests a second that come.
        ttft_s, ttft_high_s: from a request's arrival to its first token, on average, and what
            all but the asked tail of requests keep below.
        tpot_s, tpot_high_s: between tokens of an answer, likewise.
        sequences: that run at once, on average.
        load: the larger of the shares that arrivals take of what the replica completes, with all
            its places taken, and of what it reads of prompts; from 1 on queues grow without end.
    """

    rate: FloatArray
    ttft_s: FloatArray
    ttft_high_s: FloatArray
    tpot_s: FloatArray
    tpot_high_s: FloatArray
    sequences: FloatArray
    load: FloatArray

    @property
    def is_steady(self) -> FloatArray:
        """Whether queues stay finite."""
        return np.asarray(self.load < 1.0)


@dataclass(frozen=True, slots=True)
class Service:
    """What a request meets at each of r rates (down) and n numbers of sequences (across).

    Args:
        seen_s: the step under way when a request comes; it waits for half of it.
        ahead_s: steps that are put together already when it comes, or during which the engine
            does not look at what has come.
        queue_s: wait for prompts before it that fill steps of their own.
        own_s: the steps in which its prompt is read.
        token_s: a decode step of an answer, with the prompts' steps that hold it up.
        added_s: what one prompt adds to the steps.
        full_s: the longest step.
        prompts_load: share of what the replica reads of prompts that arrivals take.
    """

    seen_s: FloatArray
    ahead_s: FloatArray
    queue_s: FloatArray
    own_s: FloatArray
    token_s: FloatArray
    added_s: FloatArray
    full_s: FloatArray
    prompts_load: FloatArray

    @property
    def inside_s(self) -> FloatArray:
        """From the engine's door to the first token."""
        return np.asarray(self.seen_s / 2 + self.ahead_s + self.queue_s + self.own_s)


def service_at(pace: Pace, came: FloatArray, gaps_cv2: FloatArray | float = 1.0) -> Service:
    """What requests meet that come at ``came`` a second, of shape (r, 1).

    A prompt waits for the step under way and for prompts before it that fill further steps; then
    it is read in a step of its own, beside those that came with it. An answer goes on at the pace
    of the steps, slower at first while those are read that came during its own prompt.
    """
    steps = steps_at(pace, came)
    most = np.maximum(pace.together, 1.0)
    full_s = pace.with_prompts_s(np.broadcast_to(most, steps.mean_s.shape))
    base_s = pace.decode_s if pace.shares_steps else np.zeros_like(pace.decode_s)
    load = came * pace.chunks * full_s / most
    seen_s = steps.square_s2 / steps.mean_s
    beside = np.minimum(came * seen_s, np.maximum(pace.together - 1.0, 0.0))
    wait_s = waiting_time(load, most, pace.chunks * full_s, gaps_cv2, pace.lengths.prompt_cv2)
    queue_s = np.minimum(load, 1.0) * wait_s
    cut_s = np.ceil(pace.chunks - 1e-9) * base_s + pace.chunks * (pace.prompt_s[:, 0] - base_s)
    whole_s = pace.with_prompts_s(np.minimum(1.0 + beside, most))
    own_s = np.where(pace.together >= 1.0, whole_s, cut_s)
    added_s = (steps.mean_s - pace.decode_s * steps.decoding) / np.maximum(steps.arrivals, 1e-12)
    missed = came * (own_s + queue_s + np.where(pace.together < 2.0, seen_s / 2, 0.0))
    late = np.maximum(missed - steps.arrivals, 0.0) * added_s
    late_s = late / np.maximum(1.0 - came * added_s, 0.02) / pace.steps
    token_s = steps.mean_s / steps.decoding + late_s
    if pace.shares_steps:
        token_s = np.minimum(token_s, np.maximum(full_s, steps.mean_s))
    ahead_s = _sits_out(pace.limits) * steps.mean_s
    return Service(seen_s, ahead_s, queue_s, own_s, token_s, added_s, full_s, load)


def _sits_out(limits: EngineLimits) -> float:
    """Steps that a newcomer sits out on average, beside the one under way."""
    looks = limits.admission
    between = (looks.steps - 1) / 2 if isinstance(looks, LookEvery) else 0.0
    return between + float(limits.schedule_ahead)


def front_s(pace: Pace, came: FloatArray) -> FloatArray:
    """What the server adds before and behind the engine: its front end and its overhead."""
    limits = pace.limits
    overhead = np.full(came.shape, limits.request_overhead_s)
    if limits.front_end is None:
        return overhead
    takes_s = limits.front_end.request_s + limits.front_end.token_s * pace.lengths.prompt
    return np.asarray(overhead + takes_s + even_service_wait(came, takes_s))


def loaded(
    pace: Pace, rate: FloatArray, gaps_cv2: FloatArray | float = 1.0, tail: float = _TAIL
) -> Loaded:
    """What a replica does to which ``rate`` requests a second come (numbers of shape (r,)).

    ``gaps_cv2`` is the squared variation of the gaps between arrivals, 1 for Poisson's (a number,
    or one for each rate). To what a request meets inside (``service_at``) comes the wait for a
    place among those that run.
    """
    lengths, knots = pace.lengths, pace.sequences
    came = np.asarray(rate, float)[:, None]
    gaps_cv2 = np.broadcast_to(gaps_cv2, came.shape[:1])[:, None]
    met = service_at(pace, came, gaps_cv2)
    run = occupancy(knots, came, knots / (pace.steps * met.token_s), tail)
    gain = pace.steps / max(lengths.answer - 1.0, 1e-9)
    tpot_s = run.mean / (came * pace.steps) * gain
    place_s = run.waiting / came * (gaps_cv2 + lengths.answer_cv2) / 2
    alone_s = met.own_s[:, :1]
    nothing = np.zeros_like(came)
    # A replica in which nobody decodes may still read a prompt.
    inside_s = run.average(met.inside_s, alone_s * (1.0 + np.minimum(came * alone_s, 1.0) / 2))
    ttft_s = front_s(pace, came) + inside_s + place_s
    prompts_load = run.average(met.prompts_load, met.prompts_load[:, :1])
    # Deviations of independent causes, each at its own tail, add up as squares.
    late_queue_s = _late(prompts_load, run.average(met.queue_s, nothing), tail)
    longer = lengths.longer(tail)
    read_s = run.average(met.own_s, alone_s)
    step_s = run.average(met.seen_s / 2, nothing)
    ttft_off = np.sqrt(
        late_queue_s**2 + _late(run.full, place_s, tail) ** 2 + (longer * read_s) ** 2 + step_s**2
    )
    fuller_s = _at(run.high, knots, met.token_s) - _at(run.mean, knots, met.token_s)
    bursts_s = late_tokens_s(
        lengths.answer_steps(pace.steps),
        came,
        run.average(met.token_s, met.token_s[:, :1]),
        run.average(met.added_s, met.added_s[:, :1]),
        tail,
    )
    # Their mean is in the pace already.
    bursts_s = np.maximum(bursts_s - came * run.average(met.added_s * met.token_s, nothing), 0.0)
    tpot_off = gain * np.sqrt(fuller_s**2 + bursts_s**2)
    load = np.maximum(run.load, prompts_load)
    found = (came, ttft_s, ttft_s + ttft_off, tpot_s, tpot_s + tpot_off, run.mean, load)
    return Loaded(*(np.broadcast_to(x, came.shape)[:, 0] for x in found))


def _late(probability: FloatArray, mean_s: FloatArray, tail: float) -> FloatArray:
    """How much above its mean a wait is in the ``tail`` of cases.

    With ``probability`` there is one at all, and it is then exponential, as in a busy queue.
    """
    some = np.clip(probability, 1e-6, 1.0)
    return np.asarray(np.maximum(mean_s / some * np.log(np.maximum(some / tail, 1.0)) - mean_s, 0))


def _at(numbers: FloatArray, knots: FloatArray, values: FloatArray) -> FloatArray:
    """``values`` (r, n) at ``numbers`` (r, 1) between ``knots``."""
    place = np.clip(np.searchsorted(knots, numbers[:, 0], side="right") - 1, 0, knots.size - 1)
    after = np.minimum(place + 1, knots.size - 1)
    gap = np.maximum(knots[after] - knots[place], 1.0)
    share = np.clip((numbers[:, 0] - knots[place]) / gap, 0.0, 1.0)
    row = np.arange(values.shape[0])
    found = values[row, place] * (1.0 - share) + values[row, after] * share
    return np.asarray(found[:, None])
