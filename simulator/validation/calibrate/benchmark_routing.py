"""How NVIDIA aiconfigurator's MoE benchmark spreads tokens over experts, rebuilt.

The measured tables name a routing, not the loads it gave. The three routings are rebuilt here
from the published collector (``collector/helper.py``, Apache-2.0) because what calibration fits
is the kernel, not the routing. The law for real traffic is in
:mod:`simulator.graph.routing`.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from simulator.graph.routing import ExpertLoads

FloatArray = NDArray[np.float64]
RoutingKey = tuple[int, int, int, int, str]
"""(tokens, top_k, experts, ranks, distribution)"""

POWER_LAW = "power_law_"
PACKED = "packed_"
"""Prefix of a power law whose remainder goes to the fullest experts (older collectors)."""

_DRAWS = 4
_GROUPS = 24


def balanced_rank_loads(tokens: int, top_k: int, experts: int, ranks: int) -> FloatArray:
    """Rows of each expert of the first rank when tokens are dealt round robin.

    Token ``t``'s choice ``i`` goes to expert ``t + i·stride`` with ``stride = ceil(E / k)``; fewer
    tokens than a stride are spread evenly over it. Shape ``(E / ranks,)``.
    """
    stride = -(-experts // top_k)
    first = np.arange(tokens) if tokens >= stride else np.arange(tokens) * stride / tokens
    chosen = (first[:, None] + np.arange(top_k)[None, :] * stride) % experts
    counts = np.bincount(chosen.astype(np.int64).ravel(), minlength=experts)
    return counts[: experts // ranks].astype(np.float64)


def power_law_rank_loads(
    tokens: int,
    top_k: int,
    experts: int,
    ranks: int,
    exponent: float,
    rng: np.random.Generator,
    *,
    packed: bool = False,
) -> FloatArray:
    """Rows of each expert of the busiest rank in one draw of the benchmark's power law.

    Loads are drawn from a power law of density ``x**-exponent`` between 1 and 0.8 T (0.01 and 2
    while there are no more rows than experts), scaled to T·k rows, rounded and cut to at most T.
    What is left over is dealt to the emptiest experts of each rank in turn or, ``packed``, to the
    fullest experts of all. Shape ``(E / ranks,)``.
    """
    low, high = (1.0, tokens * 0.8) if tokens * top_k > experts else (0.01, 2.0)
    power = 1.0 - exponent
    drawn = ((high**power - low**power) * rng.random(experts) + low**power) ** (1.0 / power)
    counts = np.round(drawn / drawn.sum() * tokens * top_k)
    if packed:
        by_rank = _packed(counts, tokens * top_k).reshape(ranks, -1)
        return np.asarray(by_rank[np.argmax(by_rank.sum(axis=1))])
    by_rank = np.minimum(counts, tokens).reshape(ranks, -1)
    missing = int(tokens * top_k - by_rank.sum())
    shares = missing // ranks + (np.arange(ranks) < missing % ranks)
    # Only the fullest rank is timed, and a rank's sum is known before its counts are levelled.
    sums = np.clip(by_rank.sum(axis=1) + shares, 0, tokens * by_rank.shape[1])
    fullest = int(np.argmax(sums))
    return np.asarray(_level(by_rank[fullest], int(shares[fullest]), tokens))


def table_loads(keys: Iterable[RoutingKey]) -> ExpertLoads:
    """Stack the timed rank's loads of many table rows: means over a few draws."""
    pairs = [_grouped_loads(*key) for key in keys]
    rows = np.zeros((len(pairs), _GROUPS))
    experts = np.zeros((len(pairs), _GROUPS))
    for index, (values, counts) in enumerate(pairs):
        rows[index, : values.size] = values
        experts[index, : counts.size] = counts
    return ExpertLoads(rows, (rows > 0).astype(np.float64), experts, is_random=False)


@lru_cache(maxsize=65536)
def _grouped_loads(
    tokens: int, top_k: int, experts: int, ranks: int, distribution: str
) -> tuple[FloatArray, FloatArray]:
    """Group the loads of the rank that the benchmark timed into (rows, experts)."""
    if distribution == "balanced":
        loads, draws = balanced_rank_loads(tokens, top_k, experts, ranks), 1
    else:
        packed = distribution.startswith(PACKED)
        exponent = float(distribution.removeprefix(PACKED).removeprefix(POWER_LAW))
        rng = np.random.default_rng([tokens, top_k, experts, ranks])
        draws = _DRAWS
        loads = np.concatenate(
            [
                power_law_rank_loads(tokens, top_k, experts, ranks, exponent, rng, packed=packed)
                for _ in range(draws)
            ]
        )
    loads = np.sort(loads[loads > 0])
    values, counts = np.unique(loads, return_counts=True)
    if values.size <= _GROUPS:
        return values, counts / draws
    parts = np.array_split(loads, _GROUPS)
    return np.array([p.mean() for p in parts]), np.array([p.size for p in parts]) / draws


def _packed(counts: FloatArray, wanted: int) -> FloatArray:
    """Bring the counts to their wanted sum: add to the fullest, take from the emptiest."""
    change = int(wanted - counts.sum())
    order = np.argsort(-counts, kind="stable")
    if change >= 0:
        counts = counts + change // counts.size
        counts[order[: change % counts.size]] += 1
        return counts
    for step in range(-change):
        expert = order[-(step % counts.size) - 1]
        counts[expert if counts[expert] > 0 else np.argmax(counts)] -= 1
    return counts


def _level(counts: FloatArray, change: int, most: int) -> FloatArray:
    """Raise the lowest counts by ``change`` in all, or lower the highest if it is negative."""
    if change < 0:
        return most - _level(most - counts, -change, most)
    order = np.sort(counts)
    room = min(float(change), float(most * counts.size - counts.sum()))
    capacity = np.arange(1, counts.size + 1) * np.append(order[1:], most) - np.cumsum(order)
    members = int(np.argmax(capacity >= room)) + 1
    level, rest = divmod(float(order[:members].sum()) + room, members)
    order[:members] = level
    order[: int(rest)] += 1
    return order
