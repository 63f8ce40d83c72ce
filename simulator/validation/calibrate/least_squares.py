"""Robust least squares on the logarithm of time, with the uncertainty of every parameter."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A positive number to be fitted: where to start and the physical range it may take."""

    start: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Fit:
    """Fitted values with one standard error each, and the fit's own relative error."""

    values: Mapping[str, float]
    standard_errors: Mapping[str, float]
    mean_absolute_relative_error: float
    rows: int


def fit_log_time(
    predict_s: Callable[[Mapping[str, float]], FloatArray],
    measured_s: FloatArray,
    parameters: Mapping[str, Parameter],
    weights: FloatArray | None = None,
    tolerance: float = 1e-8,
) -> Fit:
    """Fit positive ``parameters`` so that ``predict_s(values)`` matches ``measured_s``.

    Residuals are log(predicted / measured) under a soft-L1 loss, so that a factor of two is as
    bad above as below and a few broken rows do not steer the result. Parameters are searched
    in log space inside their bounds, to a relative ``tolerance``. Standard errors come from the
    Jacobian at the solution and are relative errors times the value.
    """
    names = list(parameters)
    start = np.log([parameters[n].start for n in names])
    low = np.log([parameters[n].low for n in names])
    high = np.log([parameters[n].high for n in names])
    root_weight = np.ones_like(measured_s) if weights is None else np.sqrt(weights)

    def residuals(logs: FloatArray) -> FloatArray:
        values = dict(zip(names, np.exp(logs).tolist(), strict=True))
        return np.log(predict_s(values) / measured_s) * root_weight

    solution = least_squares(
        residuals,
        np.clip(start, low, high),
        bounds=(low, high),
        loss="soft_l1",
        f_scale=0.1,
        ftol=tolerance,
        xtol=tolerance,
        gtol=tolerance,
    )
    values = dict(zip(names, np.exp(solution.x).tolist(), strict=True))
    degrees_of_freedom = max(1, len(measured_s) - len(names))
    variance = 2 * solution.cost / degrees_of_freedom
    jacobian: FloatArray = np.asarray(solution.jac, np.float64)
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * variance
    relative = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    errors = {n: values[n] * float(r) for n, r in zip(names, relative, strict=True)}
    relative_error = np.abs(predict_s(values) / measured_s - 1)
    return Fit(values, errors, float(np.mean(relative_error)), len(measured_s))
