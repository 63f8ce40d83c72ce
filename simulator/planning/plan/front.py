"""Throughput for a dollar against the pace of one answer: how systems are compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.planning.bound.limit import saturation
from simulator.planning.bound.loaded import loaded
from simulator.planning.plan.candidates import Candidate
from simulator.planning.plan.demand import Demand
from simulator.planning.plan.ranking import Ranked

_LOADS = np.linspace(0.05, 0.95, 19)


@dataclass(frozen=True, slots=True)
class Point:
    """One replica of a system at one load.

    Args:
        family: its hardware.
        words: the system.
        load: share of the most that it takes.
        tokens_per_s_per_user: of one answer.
        tokens_per_s_per_device: of answers, over devices.
        tokens_per_usd: of answers; 0 without a price.
        is_best: nothing else is as good in one and better in the other.
    """

    family: str
    words: str
    load: float
    tokens_per_s_per_user: float
    tokens_per_s_per_device: float
    tokens_per_usd: float
    is_best: bool = False


def front(considered: Sequence[Ranked], demand: Demand) -> tuple[Point, ...]:
    """Every considered system from little load to much, with the front of the best marked."""
    points = [point for one in considered for point in _of(one, demand)]
    priced = any(point.tokens_per_usd for point in points)
    gains = [p.tokens_per_usd if priced else p.tokens_per_s_per_device for p in points]
    order = sorted(range(len(points)), key=lambda i: (-points[i].tokens_per_s_per_user, -gains[i]))
    best, highest = set(), 0.0
    for i in order:
        if gains[i] > highest:
            best.add(i)
            highest = gains[i]
    return tuple(
        Point(p.family, p.words, p.load, p.tokens_per_s_per_user, p.tokens_per_s_per_device,
              p.tokens_per_usd, i in best)
        for i, p in enumerate(points)
    )  # fmt: skip


def _of(one: Ranked, demand: Demand) -> list[Point]:
    rates = _LOADS * saturation(one.pace)
    found = loaded(one.pace, rates, tail=demand.tail)
    tokens = rates * demand.lengths.answer
    return [
        _point(one.candidate, float(load), float(pace_s), float(rate))
        for load, pace_s, rate in zip(_LOADS, found.tpot_s, tokens, strict=True)
        if pace_s > 0
    ]


def _point(candidate: Candidate, load: float, tpot_s: float, tokens_per_s: float) -> Point:
    usd_per_s = candidate.usd_per_hour / 3600.0
    return Point(
        candidate.family,
        candidate.words,
        load,
        1.0 / tpot_s,
        tokens_per_s / candidate.devices,
        tokens_per_s / usd_per_s if usd_per_s else 0.0,
    )
