"""Which offers count, and what they come to: one price a provider, a percentile over providers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.economics.basis import Basis, matches
from simulator.specs.prices import Offer

LOW, HIGH = 10, 90
"""Percentiles over providers that are the ends of the 80 % interval of a price."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Dollars of one device, with an interval, and the offers behind them."""

    usd: float
    low: float
    high: float
    offers: tuple[Offer, ...]


def counted(offers: Iterable[Offer], basis: Basis) -> tuple[Offer, ...]:
    """The offers that count on a basis: alike in what they include, the newest of each kind.

    Estimates count only where nobody sells, and of offers that include different things only
    those of the most frequent kind.
    """
    found = [offer for offer in offers if matches(offer, basis)]
    found = [offer for offer in found if not offer.estimate] or found
    kinds = [frozenset(offer.included) for offer in found]
    if kinds:
        usual = max(dict.fromkeys(kinds), key=lambda kind: (kinds.count(kind), len(kind)))
        found = [offer for offer, kind in zip(found, kinds, strict=True) if kind == usual]
    newest: dict[tuple[str, str | None, str | None], Offer] = {}
    for offer in found:
        key = (offer.provider, offer.region, offer.unit)
        if key not in newest or newest[key].earliest <= offer.earliest:
            newest[key] = offer
    return tuple(newest.values())


def quote(offers: Sequence[Offer], percentile: float) -> Quote:
    """A percentile over providers, each at the median of its offers.

    The interval reaches over 80 % of the providers, and over those that offers themselves state.
    """
    by_provider: dict[str, list[Offer]] = {}
    for offer in offers:
        by_provider.setdefault(offer.provider, []).append(offer)
    middle, lows, highs = (
        [float(np.median([_end(o, end) for o in own])) for own in by_provider.values()]
        for end in ("value", "low", "high")
    )
    usd = float(np.percentile(middle, percentile))
    low, high = float(np.percentile(lows, LOW)), float(np.percentile(highs, HIGH))
    return Quote(usd, min(low, usd), max(high, usd), tuple(offers))


def _end(offer: Offer, end: str) -> float:
    price = offer.price
    stated = getattr(price, end)
    return float(price.value if stated is None else stated)
