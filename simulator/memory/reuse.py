"""Which share of accesses a cache of popular items serves: Zipf popularity, LRU and the ideal."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

_BISECTIONS = 60


def popular_hits(rates: ArrayLike, capacity: int) -> FloatArray:
    """Probability, for each item, that it is cached when the ``capacity`` most wanted ones are.

    ``rates`` holds items along its last axis; the result has its shape.
    """
    wanted = np.asarray(rates, dtype=np.float64)
    rank = np.argsort(np.argsort(-wanted, axis=-1, kind="stable"), axis=-1, kind="stable")
    return (rank < capacity).astype(np.float64)


def lru_hits(rates: ArrayLike, capacity: int) -> FloatArray:
    """The same for a cache that evicts what was unused for longest.

    Che's approximation (Che, Tung and Wang, IEEE JSAC 2002): an item is cached if it was wanted
    within the last T, where T is such that the cache is full on average. Items that are never
    wanted are never cached.
    """
    wanted = np.asarray(rates, dtype=np.float64)
    live = wanted > 0
    if capacity <= 0:
        return np.zeros_like(wanted)
    full = np.sum(live, axis=-1, keepdims=True) <= capacity
    smallest = np.min(np.where(live, wanted, np.inf), axis=-1, keepdims=True)
    low = np.zeros(full.shape)
    high = np.where(np.isfinite(smallest), 60.0 / np.maximum(smallest, 1e-300), 1.0)
    for _ in range(_BISECTIONS):
        # The root spans many decades, so halve it in the logarithm once it is bracketed.
        middle = np.where(low > 0, np.sqrt(np.maximum(low, 1e-300) * high), high * 1e-3)
        over = np.sum(-np.expm1(-wanted * middle), axis=-1, keepdims=True) > capacity
        high = np.where(over, middle, high)
        low = np.where(over, low, middle)
    hits: FloatArray = np.where(full, live.astype(np.float64), -np.expm1(-wanted * low))
    return hits


def zipf_head_share(items: float, exponent: float, head: float) -> float:
    """Share of accesses that go to the ``head`` most popular of ``items`` items.

    Popularity is rank**-exponent; the sums are taken as integrals from rank 1/2, which serves
    tables of billions of rows.
    """
    if head <= 0 or items <= 0:
        return 0.0
    return min(1.0, _mass(min(head, items), exponent) / _mass(items, exponent))


def _mass(items: float, exponent: float) -> float:
    low, high = 0.5, items + 0.5
    if abs(exponent - 1.0) < 1e-9:
        return float(np.log(high / low))
    power = 1.0 - exponent
    return float((high**power - low**power) / power)
