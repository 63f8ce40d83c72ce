"""Looking through the price book: every offer, what they come to, and prices of tokens."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from simulator.economics.basis import on_term
from simulator.economics.cost import device_price
from simulator.economics.price import DevicePrice
from simulator.errors import InputError, nearest, related, shown
from simulator.specs import catalogue
from simulator.specs.economics import RENTAL_TERMS, Economics
from simulator.specs.hardware import Hardware
from simulator.specs.price_book import offers_for, read_book, token_prices
from simulator.specs.prices import Term
from simulator.specs.token_prices import TokenPrice


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
class TokenRow:
    """What an API asks for a million tokens; ``serves`` is the catalogue's name of the model."""

    provider: str
    model: str
    serves: str | None
    hours: str | None
    usd_per_million_input_tokens: float
    usd_per_million_cached_input_tokens: float | None
    usd_per_million_output_tokens: float
    batch_discount: float | None
    date: str
    source: str
    confidence: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class PriceList:
    """Offers, what they come to, devices that nobody sells (and why), and prices of tokens."""

    offers: tuple[OfferRow, ...]
    bases: tuple[BasisRow, ...]
    not_sold: dict[str, str]
    tokens: tuple[TokenRow, ...]


def price_list(names: Iterable[str] = (), book: Path | None = None) -> PriceList:
    """The prices of what is named, or of all; from a book of one's own where one is given.

    A name is that of a device, or of an API's model or provider.

    Raises:
        InputError: an unknown name, or a book that cannot be read or has no price of these.
    """
    chosen = list(names)
    priced = token_prices(None) if book is None else read_book(book).tokens
    known = {name.lower() for price in priced for name in (*price.names, price.provider)}
    of_apis = {name.lower() for name in chosen if name.lower() in known}
    devices = [_device(name, known) for name in chosen if name.lower() not in known]
    devices = devices if chosen else list(catalogue.all_hardware())
    offers = tuple(row for device in devices for row in _rows(device, book))
    tokens = tuple(
        _token_row(price)
        for price in priced
        if not chosen or of_apis & {name.lower() for name in (*price.names, price.provider)}
    )
    if book is not None and not offers and not tokens:
        raise InputError(
            "has no price of these",
            file=book,
            field="device",
            remedy="name a device of the catalogue in it, as h100-sxm",
        )
    return PriceList(
        offers,
        tuple(row for device in devices for row in _bases(device, book)),
        {d.name: d.prices.not_sold for d in devices if d.prices.not_sold is not None},
        tokens,
    )


def _device(name: str, of_apis: Collection[str]) -> Hardware:
    try:
        return catalogue.hardware(name)
    except catalogue.UnknownNameError as error:
        if not related(name, of_apis):
            raise
        raise InputError(
            f"no device is called {shown(name)}, and no API has a price of it",
            remedy=nearest(name, related(name, of_apis)),
        ) from error


def _token_row(price: TokenPrice) -> TokenRow:
    return TokenRow(
        price.provider,
        price.model,
        price.serves,
        price.hours,
        price.usd_per_million_input_tokens,
        price.usd_per_million_cached_input_tokens,
        price.usd_per_million_output_tokens,
        price.batch_discount,
        str(price.as_of),
        price.source,
        price.confidence,
        price.note,
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
