"""Drawing arrival times and lengths from distributions.

Times of varying rate come from a unit Poisson process by inverting the cumulative rate, so they
are exact and one random number makes one arrival.
"""

from math import gamma

import numpy as np
from numpy.random import Generator

from simulator.serving.traffic.request import FloatArray, IntArray
from simulator.specs.arrivals import (
    Arrivals,
    Bursty,
    ClosedLoop,
    Constant,
    Diurnal,
    OnOff,
    Poisson,
    Ramp,
)
from simulator.specs.lengths import Empirical, Fixed, Length, Lognormal, Uniform


def draw_arrivals(arrivals: Arrivals, count: int, random: Generator) -> FloatArray:
    """``count`` arrival times in seconds, ascending; zeros for a closed loop."""
    match arrivals:
        case Poisson(rate=rate):
            return np.cumsum(random.exponential(1 / rate, count))
        case Constant(rate=rate):
            return np.arange(1, count + 1) / rate
        case Bursty(process="gamma", rate=rate, cv=cv):
            shape = 1 / cv**2
            return np.cumsum(random.gamma(shape, 1 / (rate * shape), count))
        case Bursty(rate=rate, cv=cv):
            shape = weibull_shape(cv)
            gaps = random.weibull(shape, count)
            return np.cumsum(gaps / (rate * gamma(1 + 1 / shape)))
        case Ramp():
            return _ramp(arrivals, np.cumsum(random.exponential(1.0, count)))
        case OnOff():
            return _on_off(arrivals, np.cumsum(random.exponential(1.0, count)))
        case Diurnal():
            return _diurnal(arrivals, np.cumsum(random.exponential(1.0, count)))
        case ClosedLoop():
            return np.zeros(count)
    raise TypeError(f"no sampler for {type(arrivals).__name__}")


def _ramp(ramp: Ramp, expected: FloatArray) -> FloatArray:
    """Times at which ``expected`` arrivals have come: r t + (s − r) t²/2T, then linear."""
    start, end, over = ramp.rate, ramp.to_rate, ramp.over
    during = (start + end) / 2 * over
    slope = (end - start) / over
    root = np.sqrt(np.maximum(start**2 + 2 * slope * np.minimum(expected, during), 0.0))
    rising = 2 * np.minimum(expected, during) / (start + root)
    return np.where(expected < during, rising, over + (expected - during) / end)


def _on_off(onoff: OnOff, expected: FloatArray) -> FloatArray:
    """The same for two rates in turns."""
    while_on = onoff.rate * onoff.on
    each = while_on + onoff.off_rate * onoff.off
    cycles = np.floor(expected / each)
    rest = expected - cycles * each
    off_rate = onoff.off_rate or np.inf
    inside = np.where(rest < while_on, rest / onoff.rate, onoff.on + (rest - while_on) / off_rate)
    return cycles * (onoff.on + onoff.off) + inside


def _diurnal(diurnal: Diurnal, expected: FloatArray) -> FloatArray:
    """The same for a rate of 1 − swing·cos(2πt/period): it starts at its lowest."""
    omega = 2 * np.pi / diurnal.period
    target = expected / diurnal.rate
    low, high = target - 1 / omega, target + 1 / omega
    # t − swing·sin(ωt)/ω rises with t and stays within 1/ω of it: 60 halvings reach double
    # precision everywhere, also where the rate touches zero and Newton's method fails.
    for _ in range(60):
        middle = (low + high) / 2
        below = middle - diurnal.swing * np.sin(omega * middle) / omega < target
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.maximum((low + high) / 2, 0.0)


def weibull_shape(cv: float) -> float:
    """The Weibull shape whose coefficient of variation is ``cv``, by halving."""
    low, high = np.log(0.15), np.log(200.0)
    for _ in range(80):
        shape = float(np.exp((low + high) / 2))
        if gamma(1 + 2 / shape) / gamma(1 + 1 / shape) ** 2 - 1 > cv**2:
            low = (low + high) / 2
        else:
            high = (low + high) / 2
    return shape


_LONGEST = 1_000_000_000
"""Tokens of the longest length that may be written; drawn ones are no longer."""


def draw_lengths(length: Length, count: int, random: Generator) -> IntArray:
    """``count`` lengths in tokens, each at least 1."""
    match length:
        case Fixed(tokens=tokens):
            return np.full(count, tokens, dtype=np.int64)
        case Uniform(low=low, high=high):
            return random.integers(low, high, size=count, endpoint=True)
        case Lognormal(mean=mean, cv=cv, low=low, high=high):
            sigma2 = np.log1p(cv**2)
            drawn = random.lognormal(np.log(mean) - sigma2 / 2, np.sqrt(sigma2), count)
            return np.clip(np.rint(drawn), low, high or _LONGEST).astype(np.int64)
        case Empirical(values=values, weights=weights):
            share = None if weights is None else np.asarray(weights) / np.sum(weights)
            return random.choice(np.asarray(values, dtype=np.int64), size=count, p=share)
    raise TypeError(f"no sampler for {type(length).__name__}")
