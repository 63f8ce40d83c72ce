"""A compute engine's power law, fitted to sustained loads whose watts were read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from simulator.errors import InputError
from simulator.roofline.laws.power.constants import POWER, PowerShares
from simulator.specs.calibration import Calibration
from simulator.validation.calibrate.fitted import Fitted, Target
from simulator.validation.calibrate.measured_files import is_document, measured_files, rows_of
from simulator.validation.calibrate.power import (
    PowerLoad,
    RatedDevice,
    fit_power,
    is_idle,
    loads_of,
    predict_loads,
    split_loads,
)
from simulator.validation.calibrate.section import robust_sigma
from simulator.validation.score import Sample

DOCUMENT = "a document (JSON) whose power lists tag, watts, calls, seconds and flops_per_call"


def fit_watts(data: Sequence[Path], target: Target) -> Fitted:
    """Read idle power; fit the shares of FLOPs and bytes, and how energy falls with the clock.

    Raises:
        InputError: no loads, or one that does not say what it did.
    """
    files = measured_files(data, is_document, DOCUMENT)
    rows = rows_of(files, "power", ("tag", "watts"))
    try:
        fitted, kept = split_loads(loads_of(rows))
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(
            f"a load of power does not say {error}", file=files[0], field="power", remedy=DOCUMENT
        ) from None
    if not fitted:
        raise InputError("no loads can be fitted", file=files[0], field="power", remedy=DOCUMENT)
    device, hardware = target.device, target.hardware
    part = hardware.engines[device.engine]
    rated_w = float(part.power_limit or hardware.power.limit)
    rated = RatedDevice(rated_w, device.peaks, device.bandwidth_bytes_per_s)
    known = device.book.law(POWER).constants
    idle_w = [float(row["watts"]) for row in rows if is_idle(row)]
    start = replace(known, idle=float(np.mean(idle_w)) / rated_w) if idle_w else known
    shares, fit = fit_power(rated, fitted, start)
    after = _samples(hardware.name, shares, rated, kept)
    values = {**({"idle": start.idle} if idle_w else {}), **fit.values}
    section = {
        "measured_with": "power: " + ", ".join(file.name for file in files),
        "as_of": date.today().isoformat(),
        "rows": len(fitted),
        "constants": {POWER.name: dict(values)},
        "residual": {
            POWER.name: round(robust_sigma(np.array([s.log_ratio for s in after])), 3)
        } if after else {},
    }  # fmt: skip
    return Fitted(
        "engines",
        device.engine,
        Calibration.model_validate(section),
        before=_samples(hardware.name, known, rated, kept),
        after=after,
    )


def _samples(
    hardware: str, shares: PowerShares, rated: RatedDevice, kept: Sequence[PowerLoad]
) -> tuple[Sample, ...]:
    if not kept:
        return ()
    watts, _ = predict_loads(shares, rated, kept)
    return tuple(
        Sample(hardware, "load", "sustained loads", "power_w", load.watts, said)
        for load, said in zip(kept, watts.tolist(), strict=True)
    )
