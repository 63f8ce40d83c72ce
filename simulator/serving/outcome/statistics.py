"""Percentiles of a simulation's samples, and confidence intervals of their means."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.serving.traffic.request import FloatArray

BATCHES = 20
_T_95 = 2.093
"""Student's t for 19 degrees of freedom, two-sided 95 %."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the half-width of its 95 % confidence interval; NaN where there is too little."""

    mean: float
    half_width: float


def percentiles(values: FloatArray, percents: Sequence[float]) -> list[float]:
    """Percentiles of ``values`` (at least one, no NaN), linear between neighbours.

    They are ``np.percentile``'s to the last bit; that function imports numpy's masked arrays,
    which takes longer than to measure ten thousand requests.
    """
    last = values.size - 1
    places = last * (np.asarray(percents) / 100)
    below = places.astype(np.int64)
    above = np.minimum(below + 1, last)
    ordered = np.partition(values, (*below, *above))
    low, high = ordered[below], ordered[above]
    share, gap = places - below, high - low
    found: list[float] = np.where(share < 0.5, low + gap * share, high - gap * (1 - share)).tolist()
    return found


def batch_means(values: FloatArray) -> Interval:
    """Mean of a stationary series with its interval by non-overlapping batch means.

    Neighbouring requests see the same queue, so their times are correlated and a plain standard
    error is far too small. Means of 20 long batches are nearly independent (Law & Kelton,
    *Simulation Modeling and Analysis*, chapter 9). NaNs are left out; fewer than five values a
    batch give no interval.
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return Interval(np.nan, np.nan)
    mean = float(np.mean(known))
    length = known.size // BATCHES
    if length < 5:
        return Interval(mean, np.nan)
    means = known[: length * BATCHES].reshape(BATCHES, length).mean(axis=1)
    return Interval(mean, float(_T_95 * means.std(ddof=1) / np.sqrt(BATCHES)))
