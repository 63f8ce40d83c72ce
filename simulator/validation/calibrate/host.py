"""A device's way to its host, fitted to timed copies, gathers, and kernels beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import InputError
from simulator.roofline.laws.lookup.constants import LOOKUP
from simulator.roofline.laws.lookup.formula import gather_time_s
from simulator.roofline.off_device.host_path import host_link
from simulator.roofline.off_device.traffic import HostLinkCalibration, copy_time_s
from simulator.specs.calibration import Calibration
from simulator.validation.calibrate.fitted import Fitted, Target
from simulator.validation.calibrate.measured_files import is_document, measured_files, rows_of
from simulator.validation.calibrate.section import robust_sigma
from simulator.validation.calibrate.traffic import (
    DEVICE_GATHER_RANGES,
    HOST_GATHER_RANGES,
    MOVES_IN_DEVICE,
    Timed,
    duplex_efficiency,
    fit_contention,
    fit_copies,
    fit_gathers,
    joined,
    timed_copies,
    timed_gathers,
)
from simulator.validation.score import Sample

DOCUMENT = "a document (JSON) with pcie, gather or overlap, see docs/calibration.md"

GATHER_BLOCKS = 16
"""Thread blocks of the gather that runs beside the kernels of ``overlap``."""


def fit_host(data: Sequence[Path], target: Target) -> Fitted:
    """Fit copies, gathers from the host, and what kernels lose beside both.

    What the documents do not hold stays as it is known.

    Raises:
        InputError: no link to a host, or nothing that tells of it.
    """
    files = measured_files(data, is_document, DOCUMENT)
    link = target.hardware.links.host
    if link is None:
        raise InputError(
            f"{target.hardware.name} has no link to a host",
            field="links.host",
            remedy="describe the link in the device's own file first",
        )
    rate, device = float(link.bandwidth), target.hardware.name
    known = host_link(link.link_class, link.calibration, device)
    new, told, rows = known, list[str](), 0
    copies = rows_of(files, "pcie", ("kind", "nbytes", "s"))
    gathers = rows_of(files, "gather", ("where", "row_bytes", "rows", "s"))
    one_way = joined(timed_copies(copies, "h2d", device), timed_copies(copies, "d2h", device))
    if len(one_way.seconds):
        copy, fit = fit_copies(one_way, rate, known.copy)
        both = timed_copies(copies, "bidir", device)
        if len(both.seconds):
            copy = replace(copy, duplex_efficiency=duplex_efficiency(copy, both, rate))
        pageable = timed_copies(copies, "h2d_pageable", device)
        if len(pageable.seconds):
            reached = float(np.mean(pageable.nbytes / pageable.seconds))
            copy = replace(copy, pageable_bytes_per_s=reached)
        new = replace(new, copy=copy)
        told.append("copy")
        rows += fit.rows
    from_host = timed_gathers(gathers, "host", device)
    if len(from_host.seconds):
        start = replace(known.host_gather, floor_s=_floor_s(gathers, target))
        gather, fit = fit_gathers(from_host, rate, start, HOST_GATHER_RANGES)
        new = replace(new, host_gather=gather)
        told.append("host_gather")
        rows += fit.rows
    beside = rows_of(files, "overlap", ("base_s", "with_h2d_s", "with_gather16blk_s"))
    if beside and len(one_way.seconds) and len(from_host.seconds):
        new = _contention(new, beside, one_way, from_host, target, rate)
        told.append("contention")
    if not told:
        raise InputError("nothing tells of the link", file=files[0], field="data", remedy=DOCUMENT)
    after = tuple(_samples(device, new, rate, one_way, from_host))
    constants = {part: asdict(getattr(new, part)) for part in told}
    section = {
        "measured_with": "copies and gathers: " + ", ".join(file.name for file in files),
        "as_of": date.today().isoformat(),
        "rows": rows,
        "constants": constants,
        "residual": {
            name: round(robust_sigma(np.array([s.log_ratio for s in kept])), 3)
            for name in ("copy", "gather")
            if (kept := [s for s in after if s.phase.startswith(name)])
        },
    }
    return Fitted(
        "links",
        "host",
        Calibration.model_validate(section),
        before=tuple(_samples(device, known, rate, one_way, from_host)),
        after=after,
    )


def _floor_s(gathers: Sequence[Mapping[str, Any]], target: Target) -> float:
    """The launch of a gather, which device memory shows best: the kernel is the same."""
    known, own = target.device.book.law(LOOKUP).constants, target.device.bandwidth_bytes_per_s
    near = timed_gathers(gathers, "hbm", target.hardware.name)
    if not len(near.seconds):
        return known.floor_s
    return fit_gathers(near, own, known, DEVICE_GATHER_RANGES, MOVES_IN_DEVICE)[0].floor_s


def _contention(
    link: HostLinkCalibration,
    beside: Sequence[Mapping[str, Any]],
    one_way: Timed,
    from_host: Timed,
    target: Target,
    rate: float,
) -> HostLinkCalibration:
    """What kernels lose: those that the largest copy, or the longest gather, accompanies."""
    base_s, copied_s, gathered_s = (
        np.array([float(row[name]) for row in beside])
        for name in ("base_s", "with_h2d_s", "with_gather16blk_s")
    )
    longest = int(np.argmax(from_host.seconds))
    moved = from_host.rows[longest] * from_host.nbytes[longest]
    found = fit_contention(
        (copied_s / base_s)[copied_s <= one_way.seconds.max()],
        (gathered_s / base_s)[gathered_s <= from_host.seconds[longest]],
        link.copy.efficiency * rate,
        moved / float(from_host.seconds[longest]),
        target.device.bandwidth_bytes_per_s,
        GATHER_BLOCKS / target.device.units,
    )
    return replace(link, contention=found)


def _samples(
    device: str, link: HostLinkCalibration, rate: float, one_way: Timed, from_host: Timed
) -> Iterator[Sample]:
    copies, gathers = one_way.pick(one_way.score), from_host.pick(from_host.score)
    copied_s = copy_time_s(link.copy, copies.nbytes, rate)
    gathered_s = gather_time_s(link.host_gather, gathers.rows, gathers.nbytes, rate)
    for name, kept, said_s in (("copy", copies, copied_s), ("gather", gathers, gathered_s)):
        for measured, said in zip(kept.seconds.tolist(), said_s.tolist(), strict=True):
            yield Sample(device, "host", f"{name} from the host", "time_s", measured, said)
