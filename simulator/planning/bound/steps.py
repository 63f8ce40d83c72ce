"""How long steps are on average, at every number of decoding sequences and every rate of arrival.

Requests that arrive during a step join the next one. So its length decides how many prompts the
next one has, and these decide its length: a fixed point, solved for mean and variance. Arrivals
in a step of random length are Poisson with a random mean, which a negative binomial of the same
mean and variance stands for; what a full step cannot hold is served in a further one.
"""

from dataclasses import dataclass

import numpy as np

from simulator.graph.step_shape import FloatArray
from simulator.planning.bound.pace import Pace

_ROUNDS = 24
_LONGEST_S = 1e4
"""Steps of an overloaded replica grow without end; here they end."""
_COUNTED = 3
"""Numbers of prompts in a step that are counted one by one; more of them go by their mean."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps at rates (down, of shape (r, 1)) and numbers of sequences (across, n of them).

    Args:
        mean_s: a step of any kind.
        square_s2: its mean square.
        decoding: share of steps in which sequences decode.
        arrivals: requests that arrive in a step.
    """

    mean_s: FloatArray
    square_s2: FloatArray
    decoding: FloatArray
    arrivals: FloatArray


def steps_at(pace: Pace, rate: FloatArray) -> Steps:
    """The steady steps of a replica to which ``rate`` requests a second come (shape (r, 1))."""
    empty_s = np.broadcast_to(pace.decode_s, (rate.shape[0], pace.sequences.size))
    most = np.maximum(pace.together, 1.0)
    by_count = [
        pace.with_prompts_s(np.broadcast_to(np.minimum(k, most), empty_s.shape))
        for k in range(1, _COUNTED + 1)
    ]
    full_s = pace.with_prompts_s(np.broadcast_to(most, empty_s.shape))
    mean, variance = empty_s, np.zeros_like(empty_s)
    idle = np.ones_like(mean)
    for _ in range(_ROUNDS):
        arrivals = rate * mean
        none, counted, rest, rest_mean, rest_variance = _spread(arrivals, rate**2 * variance)
        rest_s = pace.with_prompts_s(np.minimum(rest_mean, most))
        served = sum(p * np.minimum(k, most) for k, p in enumerate(counted, 1))
        served = served + rest * np.minimum(rest_mean, most)
        left_over = np.maximum(arrivals * pace.chunks - served, 0.0) / most
        left_over = np.minimum(left_over, none)
        idle = none - left_over
        slope = (rest_s - by_count[0]) / np.maximum(np.minimum(rest_mean, most) - 1.0, 1.0)
        first, second = idle * empty_s, idle * empty_s**2
        for p, s in zip((*counted, left_over), (*by_count, full_s), strict=True):
            first, second = first + p * s, second + p * s**2
        within = slope**2 * np.where(rest_mean < most, rest_variance, 0.0)
        first = first + rest * rest_s
        second = second + rest * (rest_s**2 + within)
        second = second + pace.lengths.prompt_cv2 * slope**2 * arrivals
        mean = (mean + np.minimum(first, _LONGEST_S)) / 2
        variance = (variance + np.clip(second - first**2, 0.0, (3 * first) ** 2)) / 2
    decoding = np.ones_like(idle) if pace.shares_steps else np.maximum(idle, 1e-9)
    return Steps(mean, variance + mean**2, decoding, rate * mean)


def _spread(
    mean: FloatArray, extra: FloatArray
) -> tuple[FloatArray, list[FloatArray], FloatArray, FloatArray, FloatArray]:
    """Probabilities of no prompt, of 1, 2, … of them, and of more: with their mean and variance.

    The negative binomial of mean ``mean`` and variance ``mean + extra``.
    """
    over = np.maximum(extra, 1e-9 * mean**2 + 1e-30)
    size = mean**2 / over
    p = np.clip(mean / np.maximum(mean + over, 1e-300), 1e-9, 1.0 - 1e-12)
    none = np.exp(size * np.log(p))
    counted, last = [], none
    for k in range(1, _COUNTED + 1):
        last = last * (size + k - 1) / k * (1.0 - p)
        counted.append(last)
    rest = np.maximum(1.0 - none - sum(counted), 0.0)
    numbers = range(1, _COUNTED + 1)
    above = np.maximum(mean - sum(k * q for k, q in zip(numbers, counted, strict=True)), 0.0)
    share = np.maximum(rest, 1e-12)
    rest_mean = np.where(rest > 1e-12, above / share, _COUNTED + 1.0)
    rest_mean = np.clip(rest_mean, _COUNTED + 1.0, 1e4)
    squares = mean + over + mean**2 - sum(k * k * q for k, q in zip(numbers, counted, strict=True))
    variance = np.clip(squares / share - rest_mean**2, 0.0, rest_mean**2)
    return none, counted, rest, rest_mean, variance
