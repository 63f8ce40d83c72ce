"""How far every figure of an answer may be off: one 80 % interval, from every command.

Five things can be off, each independent of the others:

- the time of a step: the errors of the laws it is made of, each in its share of the time, and
  of serving, what the engine's batching adds;
- the first token: what arrives between the network and the engine beside the steps, and what is
  not known of a server whose settings the question leaves open;
- the power of a step, by the power law's own error;
- what hosts, network and cooling draw around the devices, between the ends of their intervals;
- the price, which lies between those of the offers.

Each moves a figure by some factor to either side; the logarithms of the factors are added as
squares. A single step is moved as its error is. In a simulation the queue decides: its requests are
served again by steps at both ends of their interval, which moves a system near saturation far and
an idle one little, and percentiles, goodput and cost as they really move.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.simulate.answer import Interval
from simulator.simulate.figure import Error, Known, Value
from simulator.simulate.figures import FIGURE
from simulator.specs.engine_profile import EngineProfile
from simulator.specs.quantity import Z_80

if TYPE_CHECKING:
    # Imported where a simulation is repeated: the interval of a step needs none.
    from simulator.serving.cluster import ClusterSettings, Outcome
    from simulator.serving.traffic.request import RequestTable

Width = tuple[Value, Value]
"""Logarithms of the factors from an interval's low end to the value, and on to its high end."""
Widths = Mapping[Error, Width]

_NONE: Width = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class ReplicaErrors:
    """Relative errors (standard deviations of logarithms) of what one kind of replica does.

    ``decode`` and ``prompts`` are of the time of steps without and with prompts, those of
    serving included; ``first_token`` is of TTFT beside them, ``power`` of a step's power.
    """

    decode: float
    prompts: float
    first_token: float
    power: float

    @classmethod
    def of(
        cls, profile: EngineProfile, power: float, decode: float, prompts: float, is_told: bool
    ) -> "ReplicaErrors":
        """Errors of serving, from those of single steps of both kinds.

        ``is_told``: whether the question says how the server was set up.
        """
        serving = {name: float(sigma) for name, sigma in profile.serving.items()}
        left_open = {} if is_told else {name: float(s) for name, s in profile.unset.items()}
        own = np.hypot(serving.get("tpot", _UNKNOWN_TPOT), left_open.get("tpot", 0.0))
        return cls(
            decode=float(np.hypot(decode, own)),
            prompts=float(np.hypot(prompts, own)),
            first_token=float(
                np.hypot(serving.get("ttft", _UNKNOWN_TTFT), left_open.get("ttft", 0.0))
            ),
            power=power,
        )


_UNKNOWN_TPOT, _UNKNOWN_TTFT = 0.2, 0.5
"""Errors of serving by an engine that nobody has measured: what three measured ones say of one more
(Student's t)."""


def widths_of(step: float | NDArray[np.float64], power: float, known: Known) -> Widths:
    """The widths of errors that stand for themselves, from standard deviations of logarithms.

    ``known`` tells what lies between the cheapest and the dearest offer.
    """
    usd = known.get("usd_per_s")
    price = _NONE
    if usd is not None and np.all(usd):
        price = np.log(usd / known["usd_per_s_low"]), np.log(known["usd_per_s_high"] / usd)
    return {
        "step": (Z_80 * step, Z_80 * step),
        "power": (Z_80 * power, Z_80 * power),
        "price": price,
        **{error: _of_ends(known, f"{error}_power_w") for error in _AROUND},
    }


_AROUND: tuple[Error, ...] = ("host", "network", "cooling", "wall", "site")


def _of_ends(known: Known, key: str) -> Width:
    """The width between the ends that are known of a figure."""
    middle = known.get(key)
    if middle is None or not np.all(middle):
        return _NONE
    low = np.maximum(known[f"{key}_low"], 1e-9 * middle)
    return np.log(middle / low), np.log(known[f"{key}_high"] / middle)


def interval(value: Value, widths: Sequence[Width]) -> Interval:
    """The interval that independent errors of these widths make together."""
    if len(widths) == 1:
        ((low, high),) = widths
    else:
        low, high = (np.sqrt(sum(width[side] ** 2 for width in widths)) for side in (0, 1))
    return value * np.exp(-low), value * np.exp(high)


def intervals_of_steps(figures: Known, widths: Widths) -> dict[str, Interval]:
    """Intervals of single steps: every error moves a figure as it moves what it is of."""
    factors: dict[tuple[Error, ...], Interval] = {}
    found = {}
    for key, value in figures.items():
        errors = FIGURE[key].errors
        if not errors or value is None:
            continue
        if errors not in factors:
            factors[errors] = interval(1.0, [widths.get(error, _NONE) for error in errors])
        ends = [value * factor for factor in factors[errors]]
        low, high = ends if np.ndim(ends[0]) else map(float, ends)
        found[key] = (low, high)
    return found


def intervals_of_run(
    figures: Known,
    table: "RequestTable",
    settings: "ClusterSettings",
    outcome: "Outcome",
    errors: Sequence[ReplicaErrors],
    measured: "Callable[[Outcome], Known]",
    widths: Widths,
    warm_up: int = 0,
) -> dict[str, Interval]:
    """Intervals of a simulation, from what its first requests meet in slower and faster steps.

    Args:
        figures: those of the whole simulation.
        outcome: what it left behind.
        errors: of each kind of replica, in the order of the settings' pools.
        measured: the figures of any outcome of these requests.
        widths: of errors that no queue magnifies; of the time of a step, for what is of a single
            step.
        warm_up: requests whose latencies do not count.
    """
    from simulator.serving.cluster import serve
    from simulator.simulate.slowed import first_requests, slowed

    sample = first_requests(table, settings, warm_up)
    is_whole = len(sample) == len(table)
    base = outcome if is_whole else serve(sample, settings)
    middle = figures if is_whole else measured(base)

    def shifted(z: float) -> Known:
        factors = [(float(np.exp(z * e.decode)), float(np.exp(z * e.prompts))) for e in errors]
        return measured(serve(sample, slowed(settings, factors)))

    first = max(e.first_token for e in errors)
    ends = [
        (shifted(-Z_80), shifted(Z_80)),
        tuple(measured(_first_tokens(base, float(np.exp(z * first)))) for z in (-Z_80, Z_80)),
    ]
    found = {}
    for key, value in figures.items():
        figure = FIGURE[key]
        if not figure.errors or value is None:
            continue
        moved = [[end[key] for end in pair if end.get(key) is not None] for pair in ends]
        if figure.is_of_outcome and not value:
            found[key] = (0.0, max(each for pair in moved for each in [0.0, *pair]))
            continue
        own = [widths.get(error, _NONE) for error in figure.errors if error != "step"]
        if figure.is_of_outcome:
            own += [_moved(middle.get(key), pair) for pair in moved]
        elif "step" in figure.errors:
            own.append(widths["step"])
        low, high = interval(value, own)
        found[key] = (float(low), min(float(high), 1.0 if figure.unit == "fraction" else np.inf))
    return found


def rescaled(
    intervals: Mapping[str, Interval], figures: Known, others: Known
) -> dict[str, Interval]:
    """The ``intervals`` of ``figures`` about ``others``, which are as sure as those."""
    return {
        key: (low * others[key] / figures[key], high * others[key] / figures[key])
        if figures[key]
        else (low, high)
        for key, (low, high) in intervals.items()
        if others.get(key) is not None
    }


def _moved(middle: Value, ends: Sequence[float]) -> Width:
    """How far the ``ends`` lie from the middle, whichever of them is on which side."""
    if not middle:
        return _NONE
    with np.errstate(divide="ignore"):
        logs = [0.0, *np.log(np.asarray(ends) / middle)]
    return -min(logs), max(logs)


def _first_tokens(outcome: "Outcome", factor: float) -> "Outcome":
    """The outcome with all until a first token so many times as long, and the rest as it is."""
    records = outcome.records
    later_s = (factor - 1.0) * records.ttft_s
    return replace(
        outcome,
        records=replace(
            records,
            started_s=records.started_s + (factor - 1.0) * records.queue_s,
            first_token_s=records.first_token_s + later_s,
            finished_s=records.finished_s + later_s,
        ),
    )
