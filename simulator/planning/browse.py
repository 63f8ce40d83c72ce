"""Looking through the catalogue: what is there, what each number says, what looks wrong."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from simulator.errors import InputError, nearest, shown
from simulator.files.whole_file import whole_file
from simulator.graph.build import Graph, build
from simulator.graph.parameters import count_parameters
from simulator.graph.published import compare_published
from simulator.roofline.device.device import resolve
from simulator.specs import catalogue
from simulator.specs.consistency import Finding, check, leaves
from simulator.specs.folders import SOURCES
from simulator.specs.hardware import Hardware
from simulator.specs.kept import Reader
from simulator.specs.model import Model
from simulator.specs.price_book import token_prices
from simulator.specs.price_files import shared_sources
from simulator.specs.price_rules import check_prices
from simulator.specs.provenance import check_provenance, slower_than_base
from simulator.specs.question import read_bill, read_scenario
from simulator.units import humane


@dataclass(frozen=True, slots=True)
class HardwareRow:
    """One device in a list; rates are of its main engine."""

    name: str
    title: str
    vendor: str
    device_class: str
    memory_bytes: float
    bandwidth_bytes_per_s: float | None
    peak_bf16: float | None
    precisions: tuple[str, ...]
    power_limit_w: float
    calibrated: bool
    hypothetical: bool


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model in a list.

    ``kv_bytes_per_sequence`` is what a sequence of ``max_context`` tokens takes beside its growth
    of ``kv_bytes_per_token``: windows and fixed state. ``hypothetical`` models were never trained
    as they stand: shapes of benchmarks, announcements.
    """

    name: str
    title: str
    hypothetical: bool
    parameters: int
    active_parameters: int
    layers: int
    kv_bytes_per_token: float
    kv_bytes_per_sequence: float
    max_context: int
    weight_precision: str


@dataclass(frozen=True, slots=True)
class ScenarioRow:
    """One scenario in a list."""

    name: str
    title: str


def list_hardware(
    vendor: str | None = None,
    device_class: str | None = None,
    least_memory_bytes: float = 0.0,
    precision: str | None = None,
) -> list[HardwareRow]:
    """Devices that match every filter, in order of name."""
    rows = [_hardware_row(found) for found in catalogue.all_hardware()]
    return [
        row
        for row in rows
        if (vendor is None or row.vendor.lower() == vendor.lower())
        and (device_class is None or row.device_class == device_class)
        and row.memory_bytes >= least_memory_bytes
        and (precision is None or precision in row.precisions)
    ]


def _hardware_row(found: Hardware) -> HardwareRow:
    engine = found.engines[found.main_engine]
    bf16 = engine.peak.get("bf16") or engine.peak.get("fp16")
    bandwidth = engine.memory_bandwidth or found.memory.main.bandwidth
    return HardwareRow(
        name=found.name,
        title=found.title,
        vendor=found.vendor,
        device_class=found.device_class,
        memory_bytes=found.memory.main.usable_bytes,
        bandwidth_bytes_per_s=None if bandwidth is None else float(bandwidth),
        peak_bf16=None if bf16 is None else float(bf16),
        precisions=tuple(sorted({str(d) for e in found.engines.values() for d in e.peak})),
        power_limit_w=float(found.power.limit),
        calibrated=engine.calibration is not None,
        hypothetical=found.hypothetical,
    )


def list_models() -> list[ModelRow]:
    """Every model, in order of name, those that are made up behind all others."""
    rows = [_model_row(found) for found in catalogue.all_models()]
    return sorted(rows, key=lambda row: row.hypothetical)


def cache_text(per_token: float, per_sequence: float) -> str:
    """What a sequence keeps: growth with each token, and windows or state beside it."""
    fixed = f" + {humane(per_sequence, 'B')} a sequence" if per_sequence >= 1 else ""
    return f"{humane(per_token, 'B')}{fixed}"


def cache_beside_growth(graph: Graph, context: int) -> float:
    """Bytes of a sequence of ``context`` tokens beside its growth: windows and fixed state."""
    whole = float(graph.kv_bytes(np.asarray(context, dtype=np.float64)))
    return max(0.0, whole - context * graph.kv_bytes_per_token)


def _model_row(found: Model) -> ModelRow:
    parameters = count_parameters(found)
    graph = build(found)
    return ModelRow(
        name=found.name,
        title=found.title,
        hypothetical=found.hypothetical,
        parameters=parameters.total,
        active_parameters=parameters.active,
        layers=len(found.layers),
        kv_bytes_per_token=graph.kv_bytes_per_token,
        kv_bytes_per_sequence=cache_beside_growth(graph, found.max_context),
        max_context=found.max_context,
        weight_precision=found.weight_precision,
    )


def list_scenarios() -> list[ScenarioRow]:
    """Every scenario that is shipped, in order of name."""
    found = catalogue.all_scenarios().items()
    return [ScenarioRow(name, read_scenario(path).title) for name, path in found]


def list_bills() -> list[ScenarioRow]:
    """Every scenario that is shipped for its bill, in order of name."""
    found = catalogue.all_bills().items()
    return [ScenarioRow(name, read_bill(path).title) for name, path in found]


@dataclass(frozen=True, slots=True)
class Fact:
    """One number of a device, as its file gives it, with where it is from.

    ``dimension`` is what it is counted in, as ``units`` names it; None for a plain number.
    """

    field: str
    dimension: str | None
    value: float
    low: float | None
    high: float | None
    source: str | None
    kind: str | None
    confidence: str | None
    as_of: str | None
    note: str | None


def facts(hardware: Hardware) -> list[Fact]:
    """Every sourced number of a device; source keys are spelled out."""
    return [
        Fact(
            path,
            dimension,
            leaf.value,
            leaf.low,
            leaf.high,
            hardware.sources.get(leaf.source or "", leaf.source),
            leaf.kind,
            leaf.confidence,
            None if leaf.as_of is None else str(leaf.as_of),
            leaf.note,
        )
        for path, leaf, dimension in leaves(hardware)
    ]


def check_catalogue(names: Iterable[str] = (), today: date | None = None) -> list[Finding]:
    """Findings on the named devices (names or files), or on the whole catalogue.

    Models of the whole catalogue are checked against their published sizes.
    """
    chosen = list(names)
    devices = [catalogue.hardware(name) for name in chosen] or list(catalogue.all_hardware())
    found = [
        finding
        for hardware in devices
        for finding in (
            *check(hardware),
            *check_provenance(hardware),
            *_check_against_base(hardware),
            *check_laws(hardware),
        )
    ]
    if today is not None:
        found += check_prices(devices, today, () if chosen else token_prices(None))
    if chosen:
        return found
    found += unused_shared_sources(devices)
    for model in catalogue.all_models():
        found += check_model(model)
    return found


def _check_against_base(hardware: Hardware) -> list[Finding]:
    """Whether a variant of the catalogue is slower than the older device that it is built on."""
    if hardware.base is None:
        return []
    return slower_than_base(hardware, catalogue.hardware(hardware.base))


def check_laws(hardware: Hardware) -> list[Finding]:
    """Calibrations that the cost laws do not understand, and rates that they cannot do without."""
    findings = []
    for engine in hardware.engines:
        try:
            resolve(hardware, engine)
        except InputError as refusal:
            field, remedy = refusal.field or f"engines.{engine}", refusal.remedy or ""
            findings.append(Finding(hardware.name, field, refusal.problem, remedy, "error"))
    return list(dict.fromkeys(findings))


def unused_shared_sources(devices: Iterable[Hardware]) -> list[Finding]:
    """Entries of the shared table of sources that none of ``devices`` names."""
    named = {key for device in devices for key in (*device.sources, *device.prices.sources)}
    return [
        Finding(SOURCES, key, "is named by no device", "delete it", "warning")
        for key in shared_sources(Reader())
        if key not in named
    ]


def check_model(model: Model) -> list[Finding]:
    """Whether a model's shapes give what its publisher says: within 1 %, or its own interval."""
    return [
        Finding(
            model.name,
            "published",
            f"the shapes give {figure.counted:,.0f} {figure.what}, "
            f"published {figure.published:,.0f}",
            "compare the config with the publisher's",
            "error",
        )
        for figure in compare_published(model)
        if abs(figure.error) > 0.01 and not figure.within_rounding
    ]


_ENTRY = re.compile(r"[a-z0-9]([a-z0-9.\-]{0,98}[a-z0-9])?")
"""Names of catalogue entries, which are names of their files too."""


def write_template(kind: str, name: str, folder: Path) -> Path:
    """A commented file to fill in: ``kind`` is hardware, model or scenario.

    Raises:
        InputError: unknown kind, a name that no entry can have, or the file is already there
            (nothing is overwritten).
    """
    templates = catalogue.templates()
    if kind not in templates:
        raise InputError(f"there is no template for {kind!r}", remedy=nearest(kind, templates))
    if not _ENTRY.fullmatch(name):
        raise InputError(
            f"{shown(name)} cannot name an entry", field="name",
            remedy="lower-case letters and digits, with dots and hyphens between them",
        )  # fmt: skip
    path = folder / f"{name}.yaml"
    if path.exists() or path.is_symlink():
        raise InputError("already exists", file=path, remedy="choose another name")
    text = templates[kind].read_text(encoding="utf-8").format(name=name)
    with whole_file(path) as file:
        file.write(text)
    return path
