"""Laws of a compute engine, fitted to tables of single kernels."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from simulator.roofline.device.device import Device
from simulator.specs.calibration import Calibration
from simulator.validation.calibrate.documents import document_samples, fit_document
from simulator.validation.calibrate.fitted import Fitted, Target, calibration_over
from simulator.validation.calibrate.kernel_fits import fit_kernel_table, is_fitted
from simulator.validation.calibrate.measured_files import is_document, measured_files
from simulator.validation.kernels import is_scored, table_samples
from simulator.validation.score import Sample
from simulator.validation.systems import system_of


def fit_kernels(data: Sequence[Path], target: Target) -> Fitted:
    """Fit the law that each table times.

    Raises:
        InputError: no table of a law that can be fitted.
    """
    tables = measured_files(data, _is_fitted, "tables of kernels (Parquet)")
    found = [
        (fit_document if is_document(path) else fit_kernel_table)(path, target.device)
        for path in tables
    ]
    section = {
        "measured_with": "kernels: " + ", ".join(f"{p.parent.name}/{p.name}" for p in tables),
        "as_of": date.today().isoformat(),
        "rows": sum(one.rows for one in found),
        "kernels": {law: family for one in found for law, family in one.kernels.items()},
        "constants": {law: c for one in found for law, c in one.constants.items()},
        "residual": {law: r for one in found for law, r in one.residual.items()},
    }
    calibration = Calibration.model_validate(section)
    known = target.hardware.engines[target.device.engine].calibration
    new = target.with_section(calibration_over(calibration, known))
    return Fitted(
        "engines",
        target.device.engine,
        calibration,
        before=tuple(_scored(tables, target.device)),
        after=tuple(_scored(tables, new)),
    )


def _is_fitted(path: Path) -> bool:
    return is_document(path) or is_fitted(path)


def _scored(tables: Sequence[Path], device: Device) -> Iterator[Sample]:
    for path in tables:
        if is_document(path):
            yield from document_samples(path, device)
        elif is_scored(path):
            yield from table_samples(path, device, system_of(path, device.name))
