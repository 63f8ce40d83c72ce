"""What an hour of a device costs on one basis, line by line, and what that rests on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from simulator.economics.basis import Basis
from simulator.specs.prices import Offer

LineKind = Literal["kept", "idle", "energy"]
"""What is paid whether the device computes or not, what is paid for hours without work, or what
is drawn from the grid."""


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One part of what an hour of a device costs: how it comes about, where numbers are from."""

    name: str
    usd_per_hour: float
    formula: str
    source: str
    kind: LineKind = "kept"


@dataclass(frozen=True, slots=True)
class EnergyPrice:
    """Dollars for a kilowatt-hour that a device draws, cooling included, with an 80 % interval.

    At the plug it is the ``grid``'s price; power supplies of some ``efficiency`` take more there
    than they give, and ``pue`` is how often that is paid: once for the server, the rest for
    cooling.
    """

    usd_per_kwh: float
    low: float
    high: float
    grid: float = 0.0
    pue: float = 1.0
    efficiency: float = 1.0
    source: str = ""


NO_ENERGY = EnergyPrice(0.0, 0.0, 0.0)
"""Where the price of the device includes its power."""


@dataclass(frozen=True, slots=True)
class DevicePrice:
    """Dollars for an hour of work of one device, on one basis.

    Args:
        basis: what kind of price it is.
        usd_per_hour: without the energy that is paid beside it: the sum of the lines.
        low, high: the ends of an 80 % interval.
        lines: what it is made of.
        energy: what the power of the device costs beside it.
        offers: those that it rests on; the newest of each provider, region and unit.
        note: what a reader should know of it.
    """

    basis: Basis
    usd_per_hour: float
    low: float
    high: float
    lines: tuple[PriceLine, ...]
    energy: EnergyPrice = NO_ENERGY
    offers: tuple[Offer, ...] = ()
    note: str = ""

    @property
    def providers(self) -> tuple[str, ...]:
        """Who asks these prices."""
        return tuple(sorted({offer.provider for offer in self.offers}))

    @property
    def regions(self) -> tuple[str, ...]:
        """Where, as far as it is known."""
        return tuple(sorted({offer.region for offer in self.offers if offer.region}))

    @property
    def dates(self) -> str:
        """The dates of the oldest and the newest offer, as they are known."""
        ranked = sorted(self.offers, key=lambda offer: offer.earliest)
        return " to ".join(dict.fromkeys(str(offer.as_of) for offer in (*ranked[:1], *ranked[-1:])))

    @property
    def is_estimate(self) -> bool:
        """Whether nobody sells at this price."""
        return bool(self.offers) and all(offer.estimate for offer in self.offers)

    @property
    def mark(self) -> str:
        """What keeps this from being a market price: one provider, or none; empty for a market."""
        if self.is_estimate:
            return "an estimate, no offer"
        return "one provider" if len(self.providers) == 1 and not self.basis.provider else ""

    @property
    def origin(self) -> str:
        """Basis, number of offers, providers, region and dates in one sentence."""
        if not self.offers:
            return str(self.basis)
        count = len(self.offers)
        kind = "estimate" if self.is_estimate else "offer"
        what = f"{count} {kind}{'s' if count > 1 else ''} by {', '.join(self.providers)}"
        marked = f"{self.dates} ({self.mark})" if self.mark else self.dates
        text = ", ".join((f"{self.basis}: {what}", *self.regions, marked))
        return f"{text}; {self.note}" if self.note else text


def summed(lines: Iterable[PriceLine]) -> float:
    """What the lines cost together."""
    return sum(line.usd_per_hour for line in lines)
