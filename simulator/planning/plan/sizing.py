"""How many replicas a demand needs of one system at least, by the bound."""

from dataclasses import dataclass

import numpy as np

from simulator.planning.bound.closed_loop import closed_loop
from simulator.planning.bound.loaded import Loaded, loaded
from simulator.planning.bound.pace import Pace
from simulator.planning.plan.demand import Demand
from simulator.units import percent, seconds

_POINTS = 40


@dataclass(frozen=True, slots=True)
class Sized:
    """The fewest replicas that keep the promise, and what one of them then does.

    Args:
        replicas: how many.
        ttft_s, tpot_s: mean time to the first token and between tokens.
        load: share of what each can take.
        sequences: that run at once on each.
    """

    replicas: int
    ttft_s: float
    tpot_s: float
    load: float
    sequences: float


@dataclass(frozen=True, slots=True)
class Unmet:
    """Why no number of replicas keeps the promise.

    ``is_load``: the traffic is too much for the most that there may be. ``ttft_s`` and ``tpot_s``
    are what all but the tail of requests see with the most replicas.
    """

    reason: str
    is_load: bool
    ttft_s: float
    tpot_s: float


def sized(pace: Pace, demand: Demand, most: int) -> Sized | Unmet:
    """The fewest replicas, up to ``most``, with which the bound keeps all objectives."""
    tried = np.unique(np.round(np.geomspace(1, max(most, 1), _POINTS)))
    found = _at(pace, demand, tried)
    kept = _keeps(found, pace, demand)
    if not kept.any():
        return _unmet(found, demand, int(tried[-1]))
    first = int(np.argmax(kept))
    if first and tried[first] - tried[first - 1] > 1:
        low, high = tried[first - 1], tried[first]
        tried = np.unique(np.round(np.linspace(low + 1, high, _POINTS)))
        found = _at(pace, demand, tried)
        first = int(np.argmax(_keeps(found, pace, demand)))
    return Sized(
        int(tried[first]),
        float(found.ttft_s[first]),
        float(found.tpot_s[first]),
        float(found.load[first]),
        float(found.sequences[first]),
    )


def _at(pace: Pace, demand: Demand, replicas: np.ndarray) -> Loaded:
    if demand.users is not None:
        return closed_loop(pace, demand.users / replicas)
    # A router deals requests out, so that each replica sees more even gaps than all together.
    return loaded(pace, demand.per_s / replicas, demand.gaps_cv2 / replicas, demand.tail)


def _keeps(found: Loaded, pace: Pace, demand: Demand) -> np.ndarray:
    wanted, kept = demand.objectives, found.load < 1.0
    e2e_s = found.ttft_s + found.tpot_s * max(pace.lengths.answer - 1.0, 0.0)
    for limit, values in (
        (wanted.ttft, found.ttft_high_s),
        (wanted.tpot, found.tpot_high_s),
        (wanted.e2e, e2e_s),
    ):
        if limit is not None:
            kept = kept & (values <= limit)
    return np.asarray(kept)


def _unmet(found: Loaded, demand: Demand, most: int) -> Unmet:
    """With the most replicas, whatever is missed has nothing to do with load, or with the limit."""
    ttft_s, tpot_s = float(found.ttft_high_s[-1]), float(found.tpot_high_s[-1])
    wanted = demand.objectives
    share = percent(1.0 - demand.tail)
    is_load = bool(found.load[-1] >= 1.0)
    if is_load:
        reason = f"{most:,} replicas are too few for the traffic"
    elif wanted.ttft is not None and ttft_s > wanted.ttft:
        reason = f"{share} of first tokens come within {seconds(ttft_s)} at best"
    elif wanted.tpot is not None and tpot_s > wanted.tpot:
        reason = f"{share} of answers go on within {seconds(tpot_s)} a token at best"
    else:
        reason = "answers take too long from end to end"
    return Unmet(reason, is_load, ttft_s, tpot_s)
