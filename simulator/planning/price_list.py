"""Looking through the price book: every offer, and what they come to on each basis."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from simulator.economics.basis import on_term
from simulator.economics.cost import device_price
from simulator.economics.price import DevicePrice
from simulator.errors import InputError
from simulator.specs import catalogue
from simulator.specs.economics import RENTAL_TERMS, Economics
from simulator.specs.hardware import Hardware
from simulator.specs.price_book import offers_for
from simulator.specs.prices import Term


@dataclass(frozen=True, slots=True)
class OfferRow:
    """One offer, with dollars of one device as people compare them."""

    device: str
    provider: str
    region: str | None
    term: str
    unit: str | None
    devices: int
    usd_per_device_hour: float | None
    usd_per_device: float | None
    includes: tuple[str, ...]
    estimate: bool
    date: str
    has_day: bool
    source: str
    confidence: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class BasisRow:
    """What an hour of a device costs on one basis, with an 80 % interval and what it rests on.

    ``lines`` add up to ``usd_per_device_hour``; ``usd_per_kwh`` is paid beside them for what the
    device draws.
    """

    device: str
    basis: str
    usd_per_device_hour: float
    low: float
    high: float
    usd_per_kwh: float
    offers: int
    providers: tuple[str, ...]
    dates: str
    mark: str
    lines: tuple[tuple[str, float, str], ...]


@dataclass(frozen=True, slots=True)
class PriceList:
    """Offers, what they come to, and devices that nobody sells, with the reason."""

    offers: tuple[OfferRow, ...]
    bases: tuple[BasisRow, ...]
    not_sold: dict[str, str]


def price_list(names: Iterable[str] = (), book: Path | None = None) -> PriceList:
    """The offers of the named devices, or of all; from a book of one's own where one is given.

    Raises:
        InputError: an unknown device, or a book that cannot be read or has no offer of these.
    """
    chosen = list(names)
    devices = [catalogue.hardware(name) for name in chosen] or list(catalogue.all_hardware())
    offers = tuple(row for device in devices for row in _rows(device, book))
    if book is not None and not offers:
        raise InputError(
            "has no offer of these devices",
            file=book,
            field="device",
            remedy=f"name a device of the catalogue in it, as {devices[0].name}",
        )
    return PriceList(
        offers,
        tuple(row for device in devices for row in _bases(device, book)),
        {d.name: d.prices.not_sold for d in devices if d.prices.not_sold is not None},
    )


def _rows(device: Hardware, book: Path | None) -> Iterable[OfferRow]:
    for offer in sorted(offers_for(device, book), key=lambda o: (o.term, o.provider)):
        usd = offer.price.value
        is_bought = offer.term == "purchase"
        yield OfferRow(
            device.name,
            offer.provider,
            offer.region,
            offer.term,
            offer.unit,
            offer.devices,
            None if is_bought else usd,
            usd if is_bought else None,
            offer.included,
            offer.estimate,
            str(offer.as_of),
            offer.has_day,
            offer.source,
            offer.confidence,
            offer.note,
        )


def _bases(device: Hardware, book: Path | None) -> Iterable[BasisRow]:
    terms: tuple[Term, ...] = (*RENTAL_TERMS, "purchase")
    for term in terms:
        price = device_price(device, on_term(Economics(prices=book), term))
        if price is not None:
            yield _basis_row(device.name, price)


def _basis_row(device: str, price: DevicePrice) -> BasisRow:
    return BasisRow(
        device,
        str(price.basis),
        price.usd_per_hour,
        price.low,
        price.high,
        price.energy.usd_per_kwh,
        len(price.offers),
        price.providers,
        price.dates,
        price.mark,
        tuple((line.name, line.usd_per_hour, line.source) for line in price.lines),
    )
