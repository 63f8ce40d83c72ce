"""What people read beside the figures: factors, bounds, and the names of systems."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulator.simulate.answer import Answer
from simulator.simulate.figure import Figure
from simulator.simulate.figures import COMPARED, FIGURE, HEADLINE
from simulator.units import money, percent, significant

if TYPE_CHECKING:
    from simulator.simulate.result import SimulationResult


def times(value: float | None) -> str:
    """A factor: ``times(1.943)`` gives ``1.94×``."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.2f}×" if 0.1 <= value < 9.995 else f"{significant(value)}×"


def factor(value: float | None, first: float | None) -> float | None:
    """``value`` relative to ``first``; None where either is missing."""
    return None if value is None or not first else value / first


def bound_words(prefill: str, decode: str) -> str:
    """What binds the two phases, as a sentence without a full stop.

    >>> bound_words("compute", "memory")
    'Prefill is bound by compute, decode by memory'
    """
    prefill, decode = _BOUNDS.get(prefill, prefill), _BOUNDS.get(decode, decode)
    if prefill == decode:
        return f"Prefill and decode are both bound by {prefill}"
    return f"Prefill is bound by {prefill}, decode by {decode}"


_BOUNDS = {"host": "the engine’s host", "link": "the links", "latency": "latency"}


def interval(answer: Answer, key: str) -> str:
    """The 80 % interval of a figure in words; empty where there is none."""
    low, high = answer.intervals.get(key, (None, None))
    return "" if low is None or high is None else FIGURE[key].between(low, high)


def devices_words(result: "SimulationResult") -> str:
    """``4 × NVIDIA H100 SXM, tp 2 × 2 replicas``, or the name of a device that is alone."""
    if result.devices == 1:
        return result.hardware_title
    return f"{result.devices} × {result.hardware_title}, {result.layout}"


def token_words(answer: Answer, prefix: str = "") -> str:
    """What a million tokens of each kind cost: ``input $0.026, output $0.842``."""
    kinds = (("input", "input"), ("cached input", "cached_input"), ("output", "output"))
    found = ((name, answer.figures.get(f"{prefix}usd_per_million_{k}_tokens")) for name, k in kinds)
    return ", ".join(f"{name} {money(usd)}" for name, usd in found if usd is not None)


def busy_words(answer: Answer) -> str:
    """How much of the time a machine computes, and how much of what it can do that is."""
    busy = f"computing {percent(answer.figures['busy_fraction'])} of the time"
    share = answer.figures.get("capacity_fraction")
    return busy if share is None else f"{busy}, at {percent(share)} of its capacity"


def compared(answers: Sequence[Answer]) -> list[Figure]:
    """The figures by which these stand side by side."""
    always = set(HEADLINE)
    return [f for f in COMPARED if f in always or any(f.key in a.figures for a in answers)]


def asked_words(results: "Sequence[SimulationResult]") -> str:
    """What all of them were asked: a model and a workload, or that these differ."""
    models = dict.fromkeys(result.model_title for result in results)
    workloads = dict.fromkeys(result.workload for result in results)
    model = next(iter(models)) if len(models) == 1 else f"{len(models)} models"
    workload = next(iter(workloads)) if len(workloads) == 1 else f"{len(workloads)} workloads"
    return f"{model}, {workload}"


def basis_words(results: "Sequence[SimulationResult]") -> str:
    """The one basis on which all are priced, or that each has its own."""
    bases = dict.fromkeys(str(result.price_basis) for result in results)
    return next(iter(bases)) if len(bases) == 1 else "each on its own basis"


def named_notes(results: "Sequence[SimulationResult]") -> list[str]:
    """Every note once, behind the names of the systems that it is about, unless it is about all."""
    about: dict[str, list[str]] = {}
    for name, result in zip(labels(results), results, strict=True):
        for note in dict.fromkeys(note for note in result.notes if note not in result.price_notes):
            about.setdefault(note, []).append(name)
    return [
        note if len(names) == len(results) else f"{', '.join(names)}: {note}"
        for note, names in about.items()
    ]


def labels(results: "Sequence[SimulationResult]") -> list[str]:
    """A short name for each result: that in which they differ, and never two the same."""
    counted = [
        r.hardware_title if r.devices == 1 else f"{r.devices} × {r.hardware_title}" for r in results
    ]
    scenarios = [r.scenario for r in results]
    traits = (
        counted,
        scenarios,
        [r.model_title for r in results],
        [r.precision for r in results],
        [r.kv_precision for r in results],
        [r.engine for r in results],
        [r.layout for r in results],
    )
    differing = [trait for trait in traits if len(set(trait)) > 1] or [counted]
    # Which scenario is said wherever that differs; other traits where names leave two alike.
    chosen: list[list[str]] = []
    for trait in differing:
        if trait is scenarios or len({*zip(*chosen, strict=True)}) < len(results):
            chosen.append(trait)
    found = [" · ".join(parts) for parts in zip(*chosen, strict=True)]
    for i, name in enumerate(found):
        if name in found[:i]:
            found[i] = f"{name} ({found[:i].count(name) + 1})"
    return found
