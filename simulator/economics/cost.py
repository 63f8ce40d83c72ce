"""What an hour of a device costs, and what that makes of a million tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from simulator.economics.basis import Basis, basis_of, others
from simulator.economics.offers import counted, quote
from simulator.economics.price import DevicePrice, PriceLine
from simulator.errors import InputError, nearest
from simulator.specs.economics import Economics
from simulator.specs.hardware import Hardware
from simulator.specs.price_book import offers_for, providers
from simulator.specs.prices import Offer, Term

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
        line = PriceLine("rent", own, str(basis))
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
        (PriceLine("rent", found.usd, sources),),
        offers=offers,
    )
    is_committed = all(offer.term in _COMMITTED for offer in offers)
    if economics.utilisation is None or not is_committed:
        return price
    return _used_in_part(price, economics.utilisation)


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
    return replace(
        price,
        usd_per_hour=price.usd_per_hour / share,
        low=price.low / share,
        high=price.high / share,
        lines=(*price.lines, PriceLine("hours without work", idle, "the scenario")),
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
    "usd_per_kwh", "pue", "amortisation_years", "cost_of_capital", "residual_value", "utilisation",
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
    """Dollars per million tokens: of input alone, of output alone, and of both together.

    Numbers or arrays, as the tokens were; None where there are no such tokens.
    """

    usd_per_million_input_tokens: NumberT | None
    usd_per_million_output_tokens: NumberT | None
    usd_per_million_tokens: NumberT | None


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
