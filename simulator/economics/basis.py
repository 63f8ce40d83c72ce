"""The basis of a price: rent of one kind, or ownership; one for all that is compared."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from simulator.specs.economics import DEFAULT_TERM, RENTAL_TERMS, Economics
from simulator.specs.prices import Offer, Term


@dataclass(frozen=True, slots=True)
class Basis:
    """What kind of price is counted.

    Args:
        kind: rental, owned, or own: one price that the user gave for every device.
        term: of rent; None where all rows of a book of one's own count.
        percentile: over providers.
        provider, region: whose offers count, and where; None for all.
        book: the name of the user's price book; None for the catalogue's.
    """

    kind: Literal["rental", "owned", "own"]
    term: Term | None = None
    percentile: float = 50.0
    provider: str | None = None
    region: str | None = None
    book: str | None = None

    def __str__(self) -> str:
        """In words: ``rental on-demand, median``."""
        if self.kind == "own":
            return "the scenario's own price"
        words = " ".join(filter(None, (self.kind, self.term)))
        only = f" by {self.provider}" if self.provider else ""
        only += f" in {self.region}" if self.region else ""
        of_many = "" if self.provider else f", {percentile_words(self.percentile)}"
        return f"{words}{only}{of_many}" + (f", {self.book}" if self.book else "")


def percentile_words(percentile: float) -> str:
    """``median``, ``lowest``, ``highest``, or ``90th percentile`` without a fuss about endings."""
    named = {0.0: "lowest", 50.0: "median", 100.0: "highest"}
    return named.get(percentile, f"percentile {percentile:g}")


def basis_of(economics: Economics) -> Basis:
    """The basis that ``economics`` declares."""
    if economics.usd_per_device_hour is not None:
        return Basis("own")
    book = None if economics.prices is None else economics.prices.name
    term: Term | None = "purchase" if economics.basis == "owned" else economics.term
    if term is None and book is None:
        term = DEFAULT_TERM
    return Basis(
        economics.basis,
        None if economics.basis == "owned" else term,
        economics.percentile,
        economics.provider,
        economics.region,
        book,
    )


_BY_COMMITMENT: tuple[Term, ...] = (
    "spot", "marketplace", "on-demand", "capacity-block", "savings-plan", "reserved-1y",
    "reserved-3y", "purchase",
)  # fmt: skip
"""Terms from what is given up at any time to what is bought."""


def others(economics: Economics) -> Iterator[Economics]:
    """The same question on every other basis of the catalogue or book, the nearest first.

    Nearest is who commits to about as much.
    """
    declared = basis_of(economics)
    at = _BY_COMMITMENT.index(declared.term or _bought(declared))
    ranked = sorted(_BY_COMMITMENT, key=lambda term: abs(_BY_COMMITMENT.index(term) - at))
    for term in ranked:
        asked = on_term(economics, term)
        if basis_of(asked) != declared:
            yield asked


def _bought(basis: Basis) -> Term:
    return "purchase" if basis.kind == "owned" else DEFAULT_TERM


def on_term(economics: Economics, term: Term) -> Economics:
    """The same question on one term of rent, or owned for a purchase; whoever offers, anywhere."""
    rental = term if term in RENTAL_TERMS else None
    change = {
        "basis": "rental" if rental else "owned",
        "term": rental,
        "provider": None,
        "region": None,
        "usd_per_device_hour": None,
    }
    return economics.model_copy(update=change)


def by_provider(economics: Economics, provider: str) -> Economics:
    """The same question with the offers of one provider alone: like for like."""
    return economics.model_copy(update={"provider": provider})


def matches(offer: Offer, basis: Basis) -> bool:
    """Whether an offer counts on this basis."""
    if basis.kind == "owned":
        of_term = offer.term == "purchase"
    else:
        of_term = offer.term != "purchase" and basis.term in (None, offer.term)
    return (
        of_term
        and basis.provider in (None, offer.provider)
        and (basis.region is None or _same(basis.region, offer.region))
    )


def _same(asked: str, stated: str | None) -> bool:
    return stated is not None and asked.casefold() == stated.casefold()
