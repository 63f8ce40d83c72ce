"""What looks wrong in a hardware file that its schema allows: ``roofsim catalogue check``.

Every check is a small function from a device to findings. An ``error`` is a number or a missing
source that no honest file has; a ``warning`` deserves a second look, or a note in the file.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pydantic import BaseModel

from simulator.errors import InputError
from simulator.specs.calibration import Calibration
from simulator.specs.device_file import named_sources
from simulator.specs.hardware import Hardware, Link, MemoryTier
from simulator.specs.memory_class import memory_class, memory_family
from simulator.specs.prices import Prices
from simulator.specs.quantity import Quantity, dimension_of
from simulator.units import Dimension

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that looks wrong: where, what, and what to do about it."""

    hardware: str
    field: str
    problem: str
    remedy: str
    severity: Severity


_SWEEP_SECONDS = {
    "HBM": (0.01, 0.2),
    "GDDR": (0.01, 0.2),
    "LPDDR": (0.05, 2.0),
    "MRDIMM": (0.2, 30.0),
    "DDR": (0.2, 30.0),
    "SRAM": (1e-7, 1e-3),
}
"""Time to read a full main memory once, by technology, with room on both sides of what is sold."""

_SPEED_UP_TOLERANCE = 0.02
_LEAST_USABLE = 0.8
_SOURCE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]*")


def check(hardware: Hardware) -> list[Finding]:
    """Every finding on one device, but those on its prices."""
    return [finding for each in CHECKS for finding in each(hardware)]


class Leaf(NamedTuple):
    """A sourced number, where it stands, and what it is counted in; None for a plain number."""

    path: str
    quantity: Quantity
    dimension: Dimension | None


def leaves(hardware: Hardware) -> Iterator[Leaf]:
    """Every sourced number of a device.

    Left out are calibration sections, which say what they were measured with once for all, and
    prices, where the offer carries the source.
    """
    yield from _leaves_below(hardware, "", None)


def _leaves_below(node: object, path: str, dimension: Dimension | None) -> Iterator[Leaf]:
    if isinstance(node, Quantity):
        yield Leaf(path, node, dimension)
    elif isinstance(node, Calibration | Prices):
        return
    elif isinstance(node, BaseModel):
        for name, field in type(node).model_fields.items():
            below = f"{path}.{name}".lstrip(".")
            yield from _leaves_below(getattr(node, name), below, dimension_of(field))
    elif isinstance(node, dict):
        for name, child in node.items():
            yield from _leaves_below(child, f"{path}.{name}", dimension)
    elif isinstance(node, list):
        for position, child in enumerate(node):
            yield from _leaves_below(child, f"{path}.{position}", dimension)


def missing_provenance(hardware: Hardware) -> list[Finding]:
    """Numbers that do not say where they come from and how far to trust them."""
    findings = []
    for path, leaf, _ in leaves(hardware):
        missing = [n for n in ("source", "kind", "confidence") if getattr(leaf, n) is None]
        if missing:
            problem = f"carries no {' and no '.join(missing)}"
            remedy = "say who published it, or mark it kind: assumed"
            findings.append(Finding(hardware.name, path, problem, remedy, "error"))
    return findings


def unknown_sources(hardware: Hardware) -> list[Finding]:
    """Source keys that neither the file's own ``sources`` nor the shared table explains."""
    named = [(path, leaf.source) for path, leaf, _ in leaves(hardware)]
    named += [(f"prices.offers.{i}", o.source) for i, o in enumerate(hardware.prices.offers)]
    return [
        Finding(
            hardware.name,
            path,
            f"source {source!r} is not in the table of sources",
            "add it to sources, or to sources.yaml, with its full citation",
            "error",
        )
        for path, source in named
        if source and source not in hardware.sources and _SOURCE_KEY.fullmatch(source)
    ]


def unused_sources(hardware: Hardware) -> list[Finding]:
    """Entries of the file's own ``sources`` table that no number names."""
    named = set(named_sources(hardware.model_dump(exclude={"prices"})))
    return [
        Finding(
            hardware.name,
            f"sources.{key}",
            "is named by no number",
            "delete it, or name it where it is from",
            "warning",
        )
        for key in hardware.sources
        if key not in named
    ]


def open_assumptions(hardware: Hardware) -> list[Finding]:
    """Assumed numbers without the interval in which they are believed to lie."""
    return [
        Finding(
            hardware.name,
            path,
            "is assumed but has no interval",
            "add low and high, an 80 % interval",
            "error",
        )
        for path, leaf, _ in leaves(hardware)
        if leaf.kind == "assumed" and (leaf.low is None or leaf.high is None)
    ]


def unusual_fp8(hardware: Hardware) -> list[Finding]:
    """Engines whose fp8 rate is not twice their bf16 rate, unless the file says why."""
    findings = []
    for name, engine in hardware.engines.items():
        fp8, bf16 = engine.peak.get("fp8"), engine.peak.get("bf16")
        if fp8 is None or bf16 is None or fp8.note is not None:
            continue
        ratio = fp8.value / bf16.value
        if abs(ratio - 2) > 2 * _SPEED_UP_TOLERANCE:
            findings.append(
                Finding(
                    hardware.name,
                    f"engines.{name}.peak.fp8",
                    f"is {ratio:.3g} times the bf16 rate, not twice",
                    "look for a sparse figure among the dense ones, or explain it in a note",
                    "warning",
                )
            )
    return findings


def mixed_sparsity(hardware: Hardware) -> list[Finding]:
    """Sparse rates that are no higher than the dense ones, or stand alone."""
    findings = []
    for name, engine in hardware.engines.items():
        for datatype, sparse in engine.peak_sparse.items():
            dense = engine.peak.get(datatype)
            field = f"engines.{name}.peak_sparse.{datatype}"
            if dense is None:
                problem, remedy = "has no dense counterpart", f"add peak.{datatype}"
                findings.append(Finding(hardware.name, field, problem, remedy, "warning"))
            elif sparse.value <= dense.value:
                problem = "is not above the dense rate"
                remedy = "one of the two stands under the wrong key"
                findings.append(Finding(hardware.name, field, problem, remedy, "error"))
    return findings


def implausible_memory(hardware: Hardware) -> list[Finding]:
    """Main memories that their technology cannot build, and shares of use that are too low."""
    findings = []
    main = hardware.memory.main
    technology = memory_family(main.technology or "")
    limits = _SWEEP_SECONDS.get(technology)
    if limits is not None and main.bandwidth is not None:
        shortest, longest = limits
        sweep_s = main.capacity.value / main.bandwidth.value
        if not shortest <= sweep_s <= longest:
            problem = f"{technology} of this size and bandwidth is read in {sweep_s:.2g} s"
            remedy = f"expected {shortest:g} to {longest:g} s; check the units of both"
            findings.append(
                Finding(hardware.name, "memory.main.bandwidth", problem, remedy, "error")
            )
    if main.usable is not None and main.usable.value < _LEAST_USABLE * main.capacity.value:
        problem = f"is only {main.usable.value / main.capacity.value:.0%} of what is sold"
        remedy = "usable is what software gets, before a model is loaded"
        findings.append(Finding(hardware.name, "memory.main.usable", problem, remedy, "warning"))
    return findings


def decimal_memory(hardware: Hardware) -> list[Finding]:
    """Main memories in decimal gigabytes: chips of DRAM hold powers of two, and report them so."""
    main = hardware.memory.main
    is_decimal = main.capacity.value % 1e9 == 0 and main.capacity.value % 2**20 != 0
    if memory_family(main.technology or "") not in _BINARY or not is_decimal:
        return []
    problem = f"is {main.capacity.value / 1e9:g} decimal GB of {main.technology}"
    remedy = "write GiB, as the device reports it"
    return [Finding(hardware.name, "memory.main.capacity", problem, remedy, "warning")]


_BINARY = frozenset({"HBM", "GDDR", "LPDDR", "DDR", "MRDIMM"})


def unknown_memory(hardware: Hardware) -> list[Finding]:
    """Memories of a technology of which nothing is known: latency and energy would be missing."""
    findings = []
    for name in ("main", "host", "cxl", "storage"):
        tier: MemoryTier | None = getattr(hardware.memory, name)
        try:
            memory_class(None if tier is None else tier.technology)
        except InputError as unknown:
            field, remedy = f"memory.{name}.technology", unknown.remedy or ""
            findings.append(Finding(hardware.name, field, unknown.problem, remedy, "error"))
    return findings


def implausible_cache(hardware: Hardware) -> list[Finding]:
    """Caches that are larger or slower than the main memory behind them."""
    cache, main = hardware.memory.cache, hardware.memory.main
    if cache is None:
        return []
    findings = []
    if cache.capacity.value >= main.capacity.value:
        problem, remedy = "is not smaller than the main memory", "check the units of both"
        findings.append(Finding(hardware.name, "memory.cache.capacity", problem, remedy, "error"))
    if cache.bandwidth and main.bandwidth and cache.bandwidth.value < main.bandwidth.value:
        problem, remedy = "is slower than the main memory", "check the units of both"
        findings.append(Finding(hardware.name, "memory.cache.bandwidth", problem, remedy, "error"))
    return findings


def greedy_engines(hardware: Hardware) -> list[Finding]:
    """Engines said to draw more of the main memory than there is."""
    whole = hardware.memory.main.bandwidth
    return [
        Finding(
            hardware.name,
            f"engines.{name}.memory_bandwidth",
            "is above the bandwidth of the main memory",
            "leave it out where the engine can draw the whole",
            "error",
        )
        for name, engine in hardware.engines.items()
        if whole and engine.memory_bandwidth and engine.memory_bandwidth.value > whole.value
    ]


def implausible_links(hardware: Hardware) -> list[Finding]:
    """Links to one peer above the total of all peers, or with both directions counted."""
    findings = []
    main = hardware.memory.main.bandwidth
    for name in ("host", "scale_up", "scale_out"):
        link: Link | None = getattr(hardware.links, name)
        if link is None:
            continue
        field = f"links.{name}"
        if link.per_peer is not None and link.per_peer.value > link.bandwidth.value:
            problem, remedy = "is above the total of the device", "bandwidth is the sum over peers"
            findings.append(Finding(hardware.name, f"{field}.per_peer", problem, remedy, "error"))
        if main is not None and link.bandwidth.value > main.value:
            problem = "is above the bandwidth of the main memory"
            remedy = "links are one direction; check for bits or both directions"
            findings.append(
                Finding(hardware.name, f"{field}.bandwidth", problem, remedy, "warning")
            )
    return findings


CHECKS: tuple[Callable[[Hardware], list[Finding]], ...] = (
    missing_provenance,
    unknown_sources,
    unused_sources,
    open_assumptions,
    unusual_fp8,
    mixed_sparsity,
    implausible_memory,
    decimal_memory,
    unknown_memory,
    implausible_cache,
    greedy_engines,
    implausible_links,
)
"""Every check that needs nothing but the file, in the order in which findings are told."""
