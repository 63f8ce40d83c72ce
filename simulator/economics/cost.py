"""What an hour of a device costs, and what that makes of a million tokens."""

from dataclasses import dataclass
from statistics import median
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.specs.hardware import Hardware
from simulator.specs.prices import Offer
from simulator.specs.scenario import Economics

HOURS_PER_YEAR = 8766.0
NumberT = TypeVar("NumberT", float, NDArray[np.float64])
_RENTAL_TERMS = ("on-demand", "reserved-1y", "reserved-3y", "capacity-block", "spot")


@dataclass(frozen=True, slots=True)
class DevicePrice:
    """Dollars for an hour of one device, where they come from, and whether power is included."""

    usd_per_hour: float
    low: float
    high: float
    origin: str
    includes_energy: bool


def device_price(hardware: Hardware, economics: Economics) -> DevicePrice | None:
    """The price of an hour of ``hardware``, or None where nobody has published one.

    In this order: the scenario's own figure; the median of the offers that match its provider
    and term (on demand unless it says otherwise); a purchase spread over
    ``amortisation_years`` of continuous use, to which energy is added separately.

    Raises:
        InputError: the scenario asks for a provider or term that no offer has.
    """
    if economics.usd_per_device_hour is not None:
        own = economics.usd_per_device_hour
        return DevicePrice(own, own, own, "the scenario's own price", includes_energy=True)
    chosen = _matching(hardware, economics)
    if chosen:
        prices = [float(o.price) for o in chosen]
        providers = ", ".join(sorted({o.provider for o in chosen}))
        origin = f"median of {len(prices)} {chosen[0].term} offers ({providers})"
        return DevicePrice(median(prices), min(prices), max(prices), origin, includes_energy=True)
    bought = [o.price for o in hardware.prices.offers if o.term == "purchase"]
    if not bought:
        return None
    hours = economics.amortisation_years * HOURS_PER_YEAR
    values = [float(q) / hours for q in bought]
    low = min(float(q.low or q) / hours for q in bought)
    high = max(float(q.high or q) / hours for q in bought)
    origin = f"purchase spread over {economics.amortisation_years:g} years"
    return DevicePrice(median(values), low, high, origin, includes_energy=False)


def _matching(hardware: Hardware, economics: Economics) -> list[Offer]:
    rentals = [o for o in hardware.prices.offers if o.term != "purchase"]
    wanted = [
        o
        for o in rentals
        if (economics.provider is None or o.provider.lower() == economics.provider.lower())
        and (economics.term is None or o.term == economics.term)
    ]
    if not wanted and (economics.provider or economics.term):
        known = ", ".join(sorted({f"{o.provider} {o.term}" for o in rentals})) or "none"
        raise InputError(
            f"{hardware.name} has no offer by {economics.provider or 'any provider'} "
            f"with term {economics.term or 'any'}",
            field="economics",
            remedy=f"known offers: {known}",
        )
    for term in _RENTAL_TERMS:
        of_term = [o for o in wanted if o.term == term]
        if of_term:
            return of_term
    return []


def usd_per_second(price: DevicePrice, devices: int, power_w: float, economics: Economics) -> float:
    """Dollars a second of ``devices`` drawing ``power_w`` together (a number or an array).

    Rent includes energy; a bought device pays for it at the facility's price and PUE.

    >>> price = DevicePrice(3.6, 3.6, 3.6, "", includes_energy=True)
    >>> usd_per_second(price, 2, 0.0, Economics())
    0.002
    """
    capital = devices * price.usd_per_hour / 3600
    if price.includes_energy:
        return capital
    return capital + power_w * economics.pue / 3.6e6 * economics.usd_per_kwh


@dataclass(frozen=True, slots=True)
class TokenCost(Generic[NumberT]):
    """Dollars per million tokens: of input alone, of output alone, and of both together.

    Numbers or arrays, as the tokens were; None where there are no such tokens.
    """

    usd_per_million_input_tokens: NumberT | None
    usd_per_million_output_tokens: NumberT | None
    usd_per_million_tokens: NumberT | None


"""Where no price is known."""


def token_cost(
    usd: NumberT, input_tokens: NumberT, output_tokens: NumberT, prefill_share: float
) -> TokenCost[NumberT]:
    """Share ``usd`` between input and output by the device time that each took.

    Input carries ``prefill_share`` of the cost, output the rest, and both together all of it,
    so input and output dollars sum to what was paid. Numbers, or arrays of one shape.

    >>> token_cost(10.0, 2e6, 1e6, 0.4)  # doctest: +NORMALIZE_WHITESPACE
    TokenCost(usd_per_million_input_tokens=2.0, usd_per_million_output_tokens=6.0,
              usd_per_million_tokens=3.3333333333333335)
    """
    return TokenCost(
        _per_million(usd * prefill_share, input_tokens),
        _per_million(usd * (1 - prefill_share), output_tokens),
        _per_million(usd, input_tokens + output_tokens),
    )


def _per_million(usd: NumberT, tokens: NumberT) -> NumberT | None:
    is_none_there = isinstance(tokens, int | float) and tokens == 0
    return None if is_none_there else 1e6 * usd / tokens
