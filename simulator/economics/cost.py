"""What an hour of a device costs, and what that makes of a million tokens."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from simulator.economics.basis import Basis, basis_of, others, percentile_words
from simulator.economics.offers import counted, quote
from simulator.economics.price import DevicePrice, PriceLine
from simulator.economics.rules import Shares, Work
from simulator.errors import InputError, nearest
from simulator.specs.economics import Economics
from simulator.specs.hardware import Hardware
from simulator.specs.price_book import offers_for, providers
from simulator.specs.prices import Offer, Surroundings, Term
from simulator.units import money, percent

NumberT = TypeVar("NumberT", float, NDArray[np.float64])

_COMMITTED: tuple[Term, ...] = ("reserved-1y", "reserved-3y", "savings-plan", "capacity-block")
"""Terms that are paid for whether the device works or not."""


def device_price(hardware: Hardware, economics: Economics) -> DevicePrice | None:
    """The price of an hour of ``hardware`` on the basis of ``economics``; None without an offer.

    Raises:
        InputError: a price book that cannot be read, or a provider that nobody has heard of.
    """
    basis = basis_of(economics)
    if economics.usd_per_device_hour is not None:
        own = economics.usd_per_device_hour
        line = PriceLine(_rent(_ALL), own, f"{money(own)}/h as given", str(basis))
        return DevicePrice(basis, own, own, own, (line,))
    offers = counted(offers_for(hardware, economics.prices), basis)
    if not offers:
        _check_provider(economics)
        return None
    if basis.kind == "owned":
        return _owned(hardware, economics, basis, offers)
    found = quote(offers, basis.percentile)
    sources = "; ".join(dict.fromkeys(offer.source for offer in offers))
    price = DevicePrice(
        basis,
        found.usd,
        found.low,
        found.high,
        (PriceLine(_rent(offers[0].included), found.usd, _quoted(offers, basis), sources),),
        offers=offers,
    )
    is_committed = all(offer.term in _COMMITTED for offer in offers)
    if economics.utilisation is None or not is_committed:
        return price
    return _used_in_part(price, economics.utilisation)


_ALL: tuple[Surroundings, ...] = get_args(Surroundings)


def _rent(included: Collection[Surroundings]) -> str:
    """What a rent is called: with what is in it, and what it leaves out, which is not counted."""
    named = [part for part in _ALL if part in included]
    missing = [part for part in _ALL if part not in included]
    words = f"rent with {', '.join(named)}" if named else "rent of the device alone"
    return f"{words}; {' and '.join(missing)} not counted" if missing and named else words


def _quoted(offers: Sequence[Offer], basis: Basis) -> str:
    count = len({offer.provider for offer in offers})
    among = f"{count} providers" if count > 1 else offers[0].provider
    return f"{percentile_words(basis.percentile)} of {among}, an hour of one device"


def _owned(
    hardware: Hardware, economics: Economics, basis: Basis, offers: tuple[Offer, ...]
) -> DevicePrice:
    # Rent is asked for most, and needs nothing of this.
    from simulator.economics.owned import owned_hour
    from simulator.specs.ownership import ownership

    bought = quote(offers, basis.percentile)
    known = ownership(hardware, economics)
    hour = owned_hour(bought, float(hardware.power.limit), known)
    note = (
        f"${bought.usd:,.0f} a device over {known.amortisation_years.value:g} years at "
        f"{known.cost_of_capital.value:.1%}, work in {known.utilisation.value:.0%} of the hours"
    )
    return DevicePrice(
        basis, hour.usd_per_hour, hour.low, hour.high, hour.lines, hour.energy, offers, note
    )


def _used_in_part(price: DevicePrice, share: float) -> DevicePrice:
    idle = price.usd_per_hour * (1.0 / share - 1.0)
    line = PriceLine(
        "hours without work",
        idle,
        f"{money(price.usd_per_hour)}/h × (1 / {percent(share)} − 1)",
        "the scenario",
        "idle",
    )
    return replace(
        price,
        usd_per_hour=price.usd_per_hour / share,
        low=price.low / share,
        high=price.high / share,
        lines=(*price.lines, line),
        note=f"work in {share:.0%} of the paid hours",
    )


def nearest_price(hardware: Hardware, economics: Economics) -> DevicePrice | None:
    """The price on the basis that is nearest to the declared one; None where there is none."""
    found = (device_price(hardware, other) for other in others(economics))
    return next((price for price in found if price is not None), None)


def without_effect(economics: Economics, prices: Sequence[DevicePrice | None]) -> tuple[str, ...]:
    """What was given of the costs of owning, and moves none of these prices."""
    if economics.basis == "owned":
        return ()
    is_used = any(len(price.lines) > 1 for price in prices if price is not None)
    given = [n for n in _OF_OWNING if getattr(economics, n) is not None]
    return tuple(n for n in given if n != "utilisation" or not is_used)


_OF_OWNING = (
    "usd_per_kwh", "amortisation_years", "cost_of_capital", "residual_value", "utilisation",
    "server_usd", "network_usd", "rack_usd_per_kw_month", "server_watts", "staff_usd_per_year",
)  # fmt: skip


def _check_provider(economics: Economics) -> None:
    if economics.provider is None:
        return
    known = providers(economics.prices)
    if economics.provider not in known:
        raise InputError(
            f"no offer is by {economics.provider!r}",
            field="economics.provider",
            remedy=nearest(economics.provider, known),
        )


def usd_per_second(
    usd_per_hour: float, usd_per_kwh: float, devices: int, power_w: NumberT
) -> NumberT:
    """Dollars a second of ``devices`` that draw ``power_w`` together (a number or an array).

    >>> usd_per_second(3.6, 0.0, 2, 700.0)
    0.002
    """
    return devices * usd_per_hour / 3600 + power_w * usd_per_kwh / 3.6e6


@dataclass(frozen=True, slots=True)
class TokenCost(Generic[NumberT]):
    """Dollars per million tokens: of uncached input, of cached input, of output, and of all.

    Numbers or arrays, as the tokens were; None where there are no such tokens.
    """

    usd_per_million_input_tokens: NumberT | None
    usd_per_million_cached_input_tokens: NumberT | None
    usd_per_million_output_tokens: NumberT | None
    usd_per_million_tokens: NumberT | None


def token_cost(usd: NumberT, work: Work, shares: Shares) -> TokenCost[NumberT]:
    """What ``usd`` comes to for a token of each kind of ``work``, divided by ``shares``.

    All kinds together carry all of it. Numbers, or arrays of one shape.

    >>> work = Work(prompts=0.4, added=0.4, uncached=2e6, output=1e6)
    >>> token_cost(10.0, work, Shares(0.4, 0.0, 0.6))  # doctest: +NORMALIZE_WHITESPACE
    TokenCost(usd_per_million_input_tokens=2.0, usd_per_million_cached_input_tokens=None,
              usd_per_million_output_tokens=6.0, usd_per_million_tokens=3.3333333333333335)
    """
    return TokenCost(
        _per_million(usd * shares.uncached, work.uncached),
        _per_million(usd * shares.cached, work.cached),
        _per_million(usd * shares.output, work.output),
        _per_million(usd, work.uncached + work.cached + work.output),
    )


def _per_million(usd: NumberT, tokens: NumberT) -> NumberT | None:
    is_none_there = isinstance(tokens, int | float) and tokens == 0
    return None if is_none_there else 1e6 * usd / tokens
