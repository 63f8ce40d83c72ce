"""Drawing requests from distributions: gaps between arrivals, and lengths.

Everything hangs on the seed alone; gaps, inputs and outputs have a random stream each, so that
changing one leaves the others as they were.
"""

import numpy as np
from numpy.random import Generator, default_rng

from simulator.serving.request import FloatArray, IntArray, RequestTable
from simulator.specs.workload import (
    Arrivals,
    Bursty,
    ClosedLoop,
    Constant,
    Empirical,
    Fixed,
    Length,
    Lognormal,
    Poisson,
    Synthetic,
    Uniform,
)


def draw_requests(workload: Synthetic) -> RequestTable:
    """All requests of a synthetic workload, in order of arrival."""
    gaps, inputs, outputs = default_rng(workload.seed).spawn(3)
    count = workload.requests
    return RequestTable(
        arrival_s=draw_arrivals(workload.arrivals, count, gaps),
        input_tokens=draw_lengths(workload.input_tokens, count, inputs),
        output_tokens=draw_lengths(workload.output_tokens, count, outputs),
    )


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
            return np.cumsum(gaps / (rate * _gamma(1 + 1 / shape)))
        case ClosedLoop():
            return np.zeros(count)
    raise TypeError(f"no sampler for {type(arrivals).__name__}")


def weibull_shape(cv: float) -> float:
    """The Weibull shape whose coefficient of variation is ``cv`` (solved numerically)."""
    from scipy.optimize import brentq

    def error(log_shape: float) -> float:
        shape = float(np.exp(log_shape))
        return float(_gamma(1 + 2 / shape) / _gamma(1 + 1 / shape) ** 2 - 1 - cv**2)

    return float(np.exp(brentq(error, np.log(0.15), np.log(200.0))))


def _gamma(x: float) -> float:
    from math import gamma

    return gamma(x)


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
            return np.clip(np.rint(drawn), low, high).astype(np.int64)
        case Empirical(values=values, weights=weights):
            share = None if weights is None else np.asarray(weights) / np.sum(weights)
            return random.choice(np.asarray(values, dtype=np.int64), size=count, p=share)
    raise TypeError(f"no sampler for {type(length).__name__}")
