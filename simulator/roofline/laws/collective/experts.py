"""Dispatch and combine of mixture-of-experts layers under expert parallelism.

Dispatch sends each token's activation to the ranks that hold its experts; combine brings the
results back. Both are all-to-alls of a buffer that depends on the mode:

- normal: a token goes to each destination rank once, however many of its experts live there,
  and crosses to another domain once (it is forwarded inside); throughput mode, for prefill.
- low latency: a token goes to each of its experts separately; no forwarding, for decode.

Datatypes: dispatch is commonly fp8 (1 byte, and a 4-byte scale for every 128 values) or bf16,
combine bf16, because sums are not formed in fp8.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from simulator.roofline.laws.collective.constants import Link
from simulator.roofline.laws.collective.fabric import FloatArray
from simulator.roofline.laws.collective.formula import all_to_all_s
from simulator.roofline.laws.collective.hierarchy import group_sizes, hierarchical_all_to_all_s

BF16_BYTES = 2.0


class ExchangeMode(StrEnum):
    """How tokens travel to their experts."""

    NORMAL = "normal"
    LOW_LATENCY = "low_latency"


def distinct_destinations(top_k: ArrayLike, destinations: ArrayLike) -> FloatArray:
    """Mean number of destinations that ``top_k`` uniformly routed experts fall on.

    Expected occupied boxes of a classical occupancy problem: d (1 - (1 - 1/d)^k).
    """
    k = np.asarray(top_k, dtype=np.float64)
    d = np.asarray(destinations, dtype=np.float64)
    return d * (1 - (1 - 1 / d) ** k)


def expert_exchange_s(
    tokens: ArrayLike,
    hidden_size: ArrayLike,
    top_k: ArrayLike,
    devices: ArrayLike,
    levels: Sequence[Link],
    bytes_per_value: float = BF16_BYTES,
    mode: ExchangeMode = ExchangeMode.NORMAL,
    imbalance: ArrayLike = 1.0,
    ranks_per_expert: int = 1,
) -> FloatArray:
    """Seconds of one dispatch (or one combine) of ``tokens`` tokens on each rank.

    ``imbalance`` (at least 1) is the load of the busiest rank over the mean: the slowest rank
    sets the time. ``bytes_per_value`` tells dispatch from combine (see the module). Where
    ``ranks_per_expert`` neighbouring ranks cut an expert's width, each of them needs the token.
    """
    value_bytes = np.asarray(hidden_size, dtype=np.float64) * bytes_per_value
    token_bytes = np.asarray(tokens, dtype=np.float64) * value_bytes * np.asarray(imbalance)
    k = np.asarray(top_k, dtype=np.float64)
    inner, outer = group_sizes(devices, levels)
    if mode is ExchangeMode.LOW_LATENCY:
        return hierarchical_all_to_all_s(token_bytes * k * ranks_per_expert, devices, levels)
    copies = distinct_destinations(k, inner * outer / ranks_per_expert) * ranks_per_expert
    inside_s = all_to_all_s(token_bytes * copies, inner, levels[0])
    if np.all(outer == 1):
        return inside_s
    across = token_bytes * distinct_destinations(k, outer)
    between_s = hierarchical_all_to_all_s(across, outer, levels[1:])
    latency_s = np.minimum(
        all_to_all_s(0.0, inner, levels[0]), hierarchical_all_to_all_s(0.0, outer, levels[1:])
    )
    return np.where(outer > 1, np.maximum(inside_s, between_s) + latency_s, inside_s)
