"""What devices cost: dated offers of rent and purchase, each with its provider and source."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.specs.quantity import AsOf, Confidence, Quantity, Spec, Usd, UsdPerHour, Whole

Term = Literal[
    "on-demand", "reserved-1y", "reserved-3y", "savings-plan", "spot", "capacity-block",
    "marketplace", "purchase",
]  # fmt: skip
"""How a device is paid for: rent without and with commitment, rent of what is left over, rent of
a block of days, rent from a market of private owners, and purchase."""

Surroundings = Literal["host", "network", "power"]
"""What a device needs around it: the computer it sits in, the network between computers, and
electricity with cooling."""

_OF_RENT: tuple[Surroundings, ...] = ("host", "network", "power")


class Offer(Spec):
    """One dated price of one unit: rent by the hour, or a purchase.

    Args:
        device: name in the catalogue; in a device's own file it need not be written.
        provider: who asks this price.
        region: where, in the provider's words; None where it is the same everywhere or unknown.
        term: how it is paid for.
        unit: what is sold: an instance type, a kit of eight, a rack.
        devices: how many of the device are in the unit.
        usd_per_hour: rent of the unit.
        usd: purchase of the unit.
        includes: what is in the price beside the device; of rent everything unless it says
            otherwise, of a purchase nothing.
        estimate: whether an analyst's estimate, at which nobody sells.
        as_of: when the price held: a day; a month or a year counts as its first day.
        source: a citation, or a key of the file's ``sources`` or of those that files share.
    """

    device: str
    provider: str
    region: str | None = None
    term: Term
    unit: str | None = None
    devices: Annotated[Whole, Field(ge=1, le=1_000_000)] = 1
    usd_per_hour: UsdPerHour | None = None
    usd: Usd | None = None
    includes: tuple[Surroundings, ...] | None = None
    estimate: bool = False
    as_of: AsOf
    source: str
    confidence: Confidence | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _one_price(self) -> "Offer":
        wants_purchase = self.term == "purchase"
        if wants_purchase != (self.usd is not None) or wants_purchase == (
            self.usd_per_hour is not None
        ):
            raise ValueError("a purchase carries usd, any other term usd_per_hour")
        return self

    @model_validator(mode="after")
    def _is_dated(self) -> "Offer":
        first_day(self.as_of)
        return self

    @property
    def included(self) -> tuple[Surroundings, ...]:
        """What is in the price beside the device."""
        if self.includes is not None:
            return self.includes
        return () if self.term == "purchase" else _OF_RENT

    @property
    def price(self) -> Quantity:
        """Dollars of one device: an hour of it, or its purchase."""
        of_unit = self.usd if self.usd_per_hour is None else self.usd_per_hour
        assert of_unit is not None
        ends = {
            name: None if end is None else end / self.devices
            for name in ("value", "low", "high")
            for end in (getattr(of_unit, name),)
        }
        return of_unit.model_copy(update=ends)

    @property
    def about(self) -> str:
        """What is sold."""
        return self.device

    @property
    def earliest(self) -> date:
        """The day that the price is surely of; the first of a month or year without a day."""
        return first_day(self.as_of)

    @property
    def has_day(self) -> bool:
        """Whether the price is dated to the day."""
        return names_day(self.as_of)


def names_day(stated: date | str) -> bool:
    """Whether a date is told to the day."""
    return len(str(stated).split("-")) == 3


_DATE = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?")


def first_day(stated: date | str) -> date:
    """The day that something is surely of: the first of a month or year without a day.

    Raises:
        ValueError: it is no date.
    """
    if isinstance(stated, date):
        return stated
    match = _DATE.fullmatch(stated)
    if match is None:
        raise ValueError(f"as_of {stated!r} is not a date; write 2026-08-31, 2026-08 or 2026")
    year, month, day = (int(part or 1) for part in match.groups())
    return date(year, month, day)


class Prices(Spec):
    """All that is known of what one device costs.

    Args:
        sources: citations that offers name by a key.
        same_as: another device whose offers are of this one too: the one that a system is made of.
        not_sold: why nobody can rent or buy it, where that is so.
        offers: in any order.
    """

    sources: dict[str, str] = {}
    same_as: str | None = None
    not_sold: str | None = None
    offers: list[Offer] = []

    @model_validator(mode="after")
    def _sold_or_not(self) -> "Prices":
        if self.not_sold is not None and self.offers:
            raise ValueError("not_sold stands beside offers; keep one of the two")
        return self

    def citation(self, offer: Offer) -> str:
        """The source of an offer, spelled out."""
        return self.sources.get(offer.source, offer.source)
