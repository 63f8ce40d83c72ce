"""Laws of a compute engine, fitted to tables of single kernels."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from simulator.specs.calibration import Calibration
from simulator.validation.calibrate.fitted import Fitted, Target
from simulator.validation.calibrate.kernel_fits import fit_kernel_table, is_fitted
from simulator.validation.calibrate.measured_files import measured_files


def fit_kernels(data: Sequence[Path], target: Target) -> Fitted:
    """Fit the law that each table times.

    Raises:
        InputError: no table of a law that can be fitted.
    """
    tables = measured_files(data, is_fitted, "tables of kernels (Parquet)")
    found = [fit_kernel_table(path, target.device) for path in tables]
    section = {
        "measured_with": "kernels: " + ", ".join(f"{p.parent.name}/{p.name}" for p in tables),
        "as_of": date.today().isoformat(),
        "rows": sum(one.rows for one in found),
        "kernels": {law: family for one in found for law, family in one.kernels.items()},
        "constants": {law: c for one in found for law, c in one.constants.items()},
        "residual": {law: r for one in found for law, r in one.residual.items()},
    }
    return Fitted(
        "engines",
        target.device.engine,
        Calibration.model_validate(section),
        before=(),
        after=tuple(sample for one in found for sample in one.samples),
    )
