"""Which figures are shown, what they are called, and how they are printed."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from simulator.simulate.result import SimulationResult
from simulator.units import humane, percent, significant

Print = Callable[[float | None], str]


def money(usd: float | None) -> str:
    """``money(0.1343)`` gives ``$0.134``."""
    return "–" if usd is None or not math.isfinite(usd) else f"${significant(usd)}"


def seconds(value: float | None) -> str:
    """Milliseconds and microseconds below a second, minutes and hours above."""
    if value is None or not math.isfinite(value) or value < 300:
        return humane(value, "s")
    minutes = value / 60
    return f"{significant(minutes)} min" if minutes < 300 else f"{significant(minutes / 60)} h"


def joules(value: float | None) -> str:
    """Joules with a prefix."""
    return humane(value, "J")


def times(value: float | None) -> str:
    """A factor: ``times(1.943)`` gives ``1.94×``."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.2f}×" if 0.1 <= value < 9.995 else f"{significant(value)}×"


def between(low: float, high: float, show: Print) -> str:
    """A range whose unit is written once: ``31.2–40.3 ms``."""
    left, right = show(low), show(high)
    number, _, unit = left.partition(" ")
    if unit and right.endswith(f" {unit}"):
        left = number
    return f"{left}–{right}" if " " not in left else f"{left} – {right}"


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of ``SimulationResult.to_dict()`` and how people read it.

    Args:
        key: its name in the dictionary.
        label, short: what it is called with room and without.
        unit: what stands after the printed number.
        better: which way is good.
        show: prints the number.
    """

    key: str
    label: str
    short: str
    unit: str
    better: Literal["higher", "lower"]
    show: Print

    def of(self, figures: Mapping[str, Any]) -> float | None:
        """The figure, or None where there is none."""
        value = figures.get(self.key)
        return None if value is None else float(value)

    def interval(self, figures: Mapping[str, Any]) -> str | None:
        """The 80 % interval in words, or None where none is given."""
        low, high = figures.get(f"{self.key}_low"), figures.get(f"{self.key}_high")
        return None if low is None or high is None else between(low, high, self.show)


MEASURES = (
    Measure(
        "output_tokens_per_s", "Output throughput", "Output", "tokens/s", "higher", significant
    ),
    Measure("ttft_s", "Time to first token", "TTFT", "", "lower", seconds),
    Measure("tpot_s", "Time per output token", "TPOT", "", "lower", seconds),
    Measure("usd_per_million_tokens", "Cost", "Cost", "per M tokens", "lower", money),
    Measure("joules_per_output_token", "Energy", "Energy", "per output token", "lower", joules),
)
"""What systems are compared by, in the order in which they are shown."""


def factor(value: float | None, first: float | None) -> float | None:
    """``value`` relative to ``first``; None where either is missing."""
    return None if value is None or not first else value / first


_SUFFIXES: tuple[tuple[str, Print], ...] = (
    ("_tokens_per_s", lambda v: f"{significant(v)} tokens/s"),
    ("_tokens_per_s_per_device", lambda v: f"{significant(v)} tokens/s"),
    ("requests_per_s", lambda v: f"{significant(v)} requests/s"),
    ("watts_per_token_per_s", lambda v: humane(v, "W per token/s")),
    ("_flops_per_s", lambda v: humane(v, "FLOP/s")),
    ("_bytes_per_s", lambda v: humane(v, "B/s")),
    ("_bytes", lambda v: humane(v, "B")),
    ("_fraction", percent),
    ("_hour", lambda v: f"{money(v)}/h"),
    ("power_w", lambda v: humane(v, "W")),
    ("power_w_per_device", lambda v: humane(v, "W")),
    ("energy_j", joules),
    ("_s", seconds),
)
_PREFIXES: tuple[tuple[str, Print], ...] = (("usd_", money), ("joules_", joules))


def show(key: str, value: object) -> str:
    """Print a value by the name of its key, whose end or beginning tells its unit.

    >>> show("ttft_s", 0.0355), show("weight_bytes", 1.606e10), show("bound", "memory")
    ('35.5 ms', '16.1 GB', 'memory')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    stem = key.removesuffix("_low").removesuffix("_high")
    for suffix, printed in _SUFFIXES:
        if stem.endswith(suffix):
            return printed(float(value))
    for prefix, printed in _PREFIXES:
        if stem.startswith(prefix):
            return printed(float(value))
    return f"{value:,}" if isinstance(value, int) else significant(value)


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


def devices_words(result: SimulationResult) -> str:
    """``4 × NVIDIA H100 SXM, tp 2 × 2 replicas``, or the name of a device that is alone."""
    if result.devices == 1:
        return result.hardware_title
    return f"{result.devices} × {result.hardware_title}, {result.layout}"


def labels(results: Sequence[SimulationResult]) -> list[str]:
    """A short name for each result: that in which they differ, and never two the same."""
    counted = [
        r.hardware_title if r.devices == 1 else f"{r.devices} × {r.hardware_title}" for r in results
    ]
    traits = (
        counted,
        [r.model_title for r in results],
        [r.precision for r in results],
        [r.kv_precision for r in results],
        [r.engine for r in results],
        [r.layout for r in results],
        [r.scenario for r in results],
    )
    differing = [trait for trait in traits if len(set(trait)) > 1] or [counted]
    # The layout and later traits only matter where the names before them leave two alike.
    chosen: list[list[str]] = []
    for trait in differing:
        if len({*zip(*chosen, strict=True)}) < len(results) if chosen else True:
            chosen.append(trait)
    found = [" · ".join(parts) for parts in zip(*chosen, strict=True)]
    for i, name in enumerate(found):
        if name in found[:i]:
            found[i] = f"{name} ({found[:i].count(name) + 1})"
    return found
