"""A device's scale-up link, fitted to timed collectives."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from pathlib import Path

import numpy as np

from simulator.errors import InputError
from simulator.roofline.device.links import menus_of
from simulator.roofline.laws.collective.constants import Link, LinkCalibration, Protocol
from simulator.roofline.laws.collective.fabric import FloatArray
from simulator.specs.calibration import Calibration
from simulator.specs.catalogue import engine_profile
from simulator.validation.calibrate.collective import (
    COLLECTIVES,
    CollectiveFit,
    CollectiveRow,
    calibrate_link,
    is_collective_table,
    predict_rows_s,
    read_rows,
)
from simulator.validation.calibrate.fitted import Fitted, Target
from simulator.validation.calibrate.measured_files import measured_files
from simulator.validation.calibrate.section import robust_sigma
from simulator.validation.score import Sample
from simulator.validation.systems import system_of


def fit_links(data: Sequence[Path], target: Target) -> Fitted:
    """Fit the protocols of the scale-up link to tables of NCCL and of vLLM's all-reduce.

    Raises:
        InputError: the device has no such link, or ``data`` holds no such tables.
    """
    tables = measured_files(data, is_collective_table, "nccl_perf or custom_allreduce_perf")
    known = target.device.scale_up
    if known is None:
        raise InputError(
            f"{target.hardware.name} has no link to its peers",
            field="links.scale_up",
            remedy="describe the link in the device's own file first",
        )
    menu = menus_of(engine_profile("vllm"), known.link_class).scale_up
    rows = read_rows(tables, system_of(tables[0], target.hardware.name))
    fit = calibrate_link(rows, known.fabric, menu)
    kept = [row for row in rows if row.scored]
    new = Link(known.fabric, fit.calibration, known.link_class)
    old_s, new_s = (predict_rows_s(kept, link, menu) for link in (known, new))
    measured_s = np.array([row.seconds for row in kept])
    sigma = robust_sigma(np.log(new_s / measured_s))
    section = {
        "measured_with": "collectives: " + ", ".join(sorted({t.parent.name for t in tables})),
        "as_of": date.today().isoformat(),
        "rows": fit.fitted_rows,
        "constants": _constants(fit),
        "residual": {"link": round(sigma, 3)},
    }
    before, after = (_samples(kept, s, target.hardware.name, sigma) for s in (old_s, new_s))
    return Fitted("links", "scale_up", Calibration.model_validate(section), before, after)


def _samples(
    rows: Sequence[CollectiveRow], said_s: FloatArray, hardware: str, sigma: float
) -> tuple[Sample, ...]:
    return tuple(
        Sample(hardware, "link", COLLECTIVES[row.operator], "time_s", row.seconds, said, sigma)
        for row, said in zip(rows, said_s.tolist(), strict=True)
    )


def _constants(fit: CollectiveFit) -> dict[str, dict[str, object]]:
    """Law → constants, of the protocols that the rows could tell."""
    errors = fit.standard_errors
    found: dict[str, dict[str, object]] = {}
    for part in fields(LinkCalibration):
        value = getattr(fit.calibration, part.name)
        if not isinstance(value, Protocol):
            if part.name in errors:
                shares = found.setdefault("shares", {})
                shares[part.name] = value
            continue
        leaves = {f.name: getattr(value, f.name) for f in fields(Protocol)}
        if any(f"{part.name}.{name}" in errors for name in leaves):
            found[part.name] = dict(leaves)
    return found
