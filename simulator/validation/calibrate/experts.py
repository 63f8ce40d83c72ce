"""Fit the fused MoE law to a measured table of layer times.

The table has one row a layer time: kernel, datatype, tokens, sizes, expert count, parallel sizes
and how the benchmark spread the tokens over the experts. Its three routings are rebuilt here as
the benchmark (NVIDIA aiconfigurator, ``collector/helper.py``) draws them, because what is fitted
is the kernel, not the routing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.roofline.compute.experts import ExpertLoads

FloatArray = NDArray[np.float64]

DRAWS = 4
"""Random routings averaged for one row; the benchmark itself averages five."""

GROUPS = 24


def balanced_rank_loads(tokens: int, top_k: int, experts: int, ranks: int) -> FloatArray:
    """Rows of each expert of the first rank when the benchmark deals tokens round robin.

    Token ``t``'s choice ``i`` goes to expert ``t + i·stride`` with ``stride = ceil(E / k)``; fewer
    tokens than a stride are spread evenly over it. Shape ``(E / ranks,)``.
    """
    stride = -(-experts // top_k)
    first = np.arange(tokens) if tokens >= stride else np.arange(tokens) * stride / tokens
    chosen = (first[:, None] + np.arange(top_k)[None, :] * stride) % experts
    counts = np.bincount(chosen.astype(np.int64).ravel(), minlength=experts)
    return counts[: experts // ranks].astype(np.float64)


def power_law_rank_loads(
    tokens: int, top_k: int, experts: int, ranks: int, exponent: float, rng: np.random.Generator
) -> FloatArray:
    """Rows of each expert of the busiest rank in one draw of the benchmark's power law.

    Loads are drawn from a power law of density ``x**-exponent`` between 1 and 0.8 T (0.01 and 2
    while there are fewer rows than experts), scaled to T·k rows, rounded, cut to at most T, and
    the remainder dealt to the emptiest experts of each rank in turn. Shape ``(E / ranks,)``.
    """
    many = tokens * top_k > experts
    low, high = (1.0, tokens * 0.8) if many else (0.01, 2.0)
    power = 1.0 - exponent
    u = rng.random(experts)
    drawn = ((high**power - low**power) * u + low**power) ** (1.0 / power)
    counts = np.minimum(np.round(drawn / drawn.sum() * tokens * top_k), tokens)
    by_rank = counts.reshape(ranks, experts // ranks)
    missing = tokens * top_k - by_rank.sum()
    shares = np.full(ranks, missing // ranks)
    shares[: int(missing - shares.sum())] += 1
    for rank, share in enumerate(shares):
        by_rank[rank] = _level(by_rank[rank], int(share), tokens)
    return np.asarray(by_rank[np.argmax(by_rank.sum(axis=1))])


def _level(counts: FloatArray, change: int, most: int) -> FloatArray:
    """Raise the lowest counts by ``change`` in all, or lower the highest if it is negative."""
    if change < 0:
        return most - _level(most - counts, -change, most)
    order = np.sort(counts)
    room = np.minimum(change, most * counts.size - counts.sum())
    filled = np.arange(1, counts.size + 1) * np.append(order[1:], most) - np.cumsum(order)
    level_index = int(np.argmax(filled >= room))
    members = level_index + 1
    level, rest = divmod(float(order[:members].sum() + room), members)
    order[:members] = level
    order[: int(rest)] += 1
    return order


@lru_cache(maxsize=65536)
def benchmark_loads(
    tokens: int, top_k: int, experts: int, ranks: int, distribution: str
) -> tuple[FloatArray, FloatArray]:
    """Grouped (rows, experts) of the rank that the benchmark timed, mean over a few draws."""
    if distribution == "balanced":
        loads, draws = balanced_rank_loads(tokens, top_k, experts, ranks), 1
    else:
        exponent = float(distribution.removeprefix("power_law_"))
        rng = np.random.default_rng([tokens, top_k, experts, ranks])
        draws = DRAWS
        loads = np.concatenate(
            [
                power_law_rank_loads(tokens, top_k, experts, ranks, exponent, rng)
                for _ in range(draws)
            ]
        )
    values, counts = np.unique(loads[loads > 0], return_counts=True)
    if values.size <= GROUPS:
        return values, counts / draws
    ordered = np.sort(loads[loads > 0])
    parts = np.array_split(ordered, GROUPS)
    return np.array([p.mean() for p in parts]), np.array([p.size for p in parts]) / draws


def table_loads(keys: Iterable[tuple[int, int, int, int, str]]) -> ExpertLoads:
    """Loads of many table rows ``(tokens, top_k, experts, ranks, distribution)``, stacked."""
    pairs = [benchmark_loads(*key) for key in keys]
    rows = np.zeros((len(pairs), GROUPS))
    experts = np.zeros((len(pairs), GROUPS))
    for index, (values, counts) in enumerate(pairs):
        rows[index, : values.size] = values
        experts[index, : counts.size] = counts
    return ExpertLoads(rows, (rows > 0).astype(np.float64), experts, is_random=False)
