"""Confidence intervals of a simulation's means, whose samples follow one another."""

from dataclasses import dataclass

import numpy as np

from simulator.serving.request import FloatArray

BATCHES = 20
_T_95 = 2.093
"""Student's t for 19 degrees of freedom, two-sided 95 %."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the half-width of its 95 % confidence interval; NaN where there is too little."""

    mean: float
    half_width: float

    @property
    def low(self) -> float:
        """Lower end."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """Upper end."""
        return self.mean + self.half_width

    def contains(self, value: float) -> bool:
        """Whether ``value`` lies within."""
        return self.low <= value <= self.high


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
