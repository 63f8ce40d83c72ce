"""How far every figure of an answer may be off: one 80 % interval, from every command."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from simulator.simulate.answer import Interval
from simulator.simulate.figures import FIGURE, Value
from simulator.specs.quantity import Z_80


def intervals(
    figures: Mapping[str, Value], step_sigma: float | NDArray[np.float64], power_sigma: float
) -> dict[str, Interval]:
    """80 % intervals from the relative errors of the step's time and of the power it draws."""
    both = np.hypot(step_sigma, power_sigma)
    of_errors = {("step",): step_sigma, ("power",): power_sigma, ("step", "power"): both}
    return {
        key: interval(value, of_errors[FIGURE[key].errors])
        for key, value in figures.items()
        if FIGURE[key].errors and value is not None
    }


def interval(value: Value, sigma: float | NDArray[np.float64]) -> Interval:
    """The 80 % interval of a value whose logarithm has standard deviation ``sigma``."""
    factor = np.exp(Z_80 * np.asarray(sigma))
    return value / factor, value * factor
