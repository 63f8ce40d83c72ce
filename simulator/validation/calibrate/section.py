"""A calibration section from fitted rates: what a hardware file keeps of a fit."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.roofline.device.device import Device
from simulator.specs.calibration import Calibration
from simulator.validation.calibrate.least_squares import Fit
from simulator.validation.calibrate.steps import rated_names

_LEAST_RESIDUAL = 0.05


def robust_sigma(log_errors: NDArray[np.float64]) -> float:
    """Standard deviation of log errors around zero, from their median absolute value."""
    return float(max(_LEAST_RESIDUAL, 1.4826 * np.median(np.abs(log_errors))))


def section_of_rates(
    device: Device,
    fit: Fit,
    *,
    measured_with: str,
    as_of: str,
    score_log_errors: Mapping[str, NDArray[np.float64]],
) -> Calibration:
    """The section that puts the fitted rates of ``fit`` into every law of ``device``.

    ``score_log_errors``: log(predicted / measured) of the rows kept back, by phase.
    """
    values = dict(fit.values)
    if "bandwidth" in values and "cache" not in values:
        values["cache"] = values["bandwidth"]
    constants: dict[str, dict[str, float]] = {}
    for law, known in device.book.constants.items():
        own = {
            name: values[rate]
            for rate in values
            for name in rated_names(law, rate)
            if name in known
        }
        if "peak_fraction" in own and known.get("burst_fraction", 1.0) < values["compute"]:
            own["burst_fraction"] = values["compute"]
        if own:
            constants[law] = own
    found: Mapping[str, object] = {
        "measured_with": measured_with,
        "as_of": as_of,
        "rows": fit.rows - len(fit.values),
        "constants": constants,
        "residual": _residuals(device, score_log_errors),
    }
    return Calibration.model_validate(found)


def _residuals(
    device: Device, score_log_errors: Mapping[str, NDArray[np.float64]]
) -> dict[str, float]:
    """The scatter on rows kept back; too few rows leave the class's residuals.

    ``prompts`` is what compute-bound work errs beside that.
    """
    by_phase = {phase: errors for phase, errors in score_log_errors.items() if len(errors)}
    steps = [errors for phase, errors in by_phase.items() if phase != "prefill"]
    found: dict[str, float] = {}
    every = robust_sigma(np.concatenate(steps)) if steps else _LEAST_RESIDUAL
    if sum(map(len, steps)) >= _ENOUGH_ROWS:
        laws: Sequence[str] = ("matmul", "elementwise", "attention", "experts")
        known = (law for law in laws if any(k.startswith(law) for k in device.book.constants))
        found = {law: round(every, 3) for law in known}
    prompts = by_phase.get("prefill", np.zeros(0))
    if len(prompts) >= _FEW_ROWS:
        beside = robust_sigma(prompts) ** 2 - every**2
        found["prompts"] = round(float(np.sqrt(max(beside, 0.0))), 3)
    return found


_ENOUGH_ROWS = 4
_FEW_ROWS = 2
