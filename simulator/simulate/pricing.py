"""Prices as figures of an answer: dollars a second, what they rest on, and other bases."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simulator.economics.basis import basis_of
from simulator.economics.cost import usd_per_second, without_effect
from simulator.economics.price import DevicePrice
from simulator.economics.rules import rule_words
from simulator.simulate.figure import Known, Value
from simulator.specs.economics import Economics
from simulator.specs.hardware import Hardware
from simulator.units import money


@dataclass(frozen=True, slots=True)
class BasisCost:
    """What an answer would cost on another basis.

    Args:
        basis: in words.
        origin: the basis and the offers that it rests on.
        usd_per_device_hour: mean over all devices.
        usd_per_million_tokens: of input and output together.
        mark: why it is no market price; empty if it is one.
        provider: whose offers alone count, where the basis is that of one provider.
    """

    basis: str
    origin: str
    usd_per_device_hour: float
    usd_per_million_tokens: float
    mark: str
    provider: str | None = None


def usd_known(price: DevicePrice | None, devices: int, power_w: Value) -> dict[str, Value]:
    """What ``devices`` that draw ``power_w`` together cost a second, with the interval's ends."""
    if price is None:
        return {"usd_per_s": None}
    energy = price.energy
    ends = {
        "": (price.usd_per_hour, energy.usd_per_kwh),
        "_low": (price.low, energy.low),
        "_high": (price.high, energy.high),
    }
    return {
        f"usd_per_s{end}": usd_per_second(usd, usd_per_kwh, devices, power_w)
        for end, (usd, usd_per_kwh) in ends.items()
    }


def price_figures(
    economics: Economics, prices: Sequence[DevicePrice | None], nearest: str | None
) -> Known:
    """The figures that say what dollars rest on, over all pools; ``nearest`` where one has none."""
    known = [price for price in dict.fromkeys(prices) if price is not None]
    is_priced = None not in prices
    offers = {offer for price in known for offer in price.offers}
    return {
        "price_basis": str(basis_of(economics)),
        "cost_rule": rule_words(economics),
        "price_offers": len(offers) if is_priced and offers else None,
        "price_providers": _joined(known, "providers") if is_priced else None,
        "price_regions": _joined(known, "regions") if is_priced else None,
        "price_dates": _text(price.dates for price in known) if is_priced else None,
        "price_mark": _text(price.mark for price in known) if is_priced else None,
        "price_origin": _text(price.origin for price in known) if is_priced else None,
        "price_nearest": nearest,
    }


def _joined(prices: Sequence[DevicePrice], name: str) -> str | None:
    found = {each for price in prices for each in getattr(price, name)}
    return ", ".join(sorted(found)) or None


def _text(parts: Iterator[str]) -> str | None:
    return "; ".join(dict.fromkeys(filter(None, parts))) or None


def idle_words(economics: Economics, prices: Sequence[DevicePrice | None]) -> tuple[str, ...]:
    """What was given of the costs of owning, where rent is counted and has them in it."""
    idle = without_effect(economics, prices)
    if not idle:
        return ()
    named = ", ".join(f"economics.{name}" for name in idle)
    return (f"without effect, as the basis is {basis_of(economics)}: {named}",)


def unpriced_words(hardware: Hardware, economics: Economics, nearest: str | None) -> str:
    """Why a device stands without a price, and where it has one."""
    why = hardware.prices.not_sold
    reason = f"nobody sells it ({why})" if why else f"no offer is {basis_of(economics)}"
    where = f"; nearest basis: {nearest}" if nearest else ""
    remedy = "" if nearest else "; a price book of your own may have one"
    return f"{hardware.name} stands without a price: {reason}{where}{remedy}"


def nearest_words(origin: str, usd_per_hour: float, usd_per_million_tokens: Value) -> str:
    """The nearest basis and what it gives, for one answer or for many at once."""
    gives = (
        f", which gives {money(usd_per_million_tokens)} a million tokens"
        if isinstance(usd_per_million_tokens, float)
        else ""
    )
    return f"{origin}: {money(usd_per_hour)}/h a device{gives}"
