"""What dollars of an answer rest on, for the terminal, charts and pages."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.report.measures import labels
from simulator.report.ranking import Ranking
from simulator.simulate.figures import FIGURE
from simulator.simulate.result import SimulationResult


@dataclass(frozen=True, slots=True)
class PriceRow:
    """What the price of one system rests on, in words; of one without, where it has one."""

    system: str
    hour: str
    offers: str
    providers: str
    regions: str
    dates: str
    remark: str


HEADINGS = ("System", "A device", "Offers", "Providers", "Regions", "Dates", "")
"""Headings of the table that ``PriceRow`` is a row of."""


def price_rows(results: Sequence[SimulationResult]) -> list[PriceRow]:
    """One row a system."""
    return [
        PriceRow(
            name,
            FIGURE["usd_per_device_hour"].show(result.usd_per_device_hour),
            "" if result.price_offers is None else str(result.price_offers),
            result.price_providers or "",
            result.price_regions or "",
            result.price_dates or "",
            _remark(result),
        )
        for name, result in zip(labels(results), results, strict=True)
    ]


def _remark(result: SimulationResult) -> str:
    if result.usd_per_device_hour is None:
        near = result.price_nearest
        return f"not priced; nearest: {near}" if near else "not priced on any basis"
    notes = [price.note for price in result.prices if price is not None and price.note]
    return "; ".join(dict.fromkeys(filter(None, (result.price_mark, *notes))))


def verdict(ranking: Ranking) -> list[str]:
    """Sentences on who is the cheapest, on what basis, and what other bases say."""
    found = [ranking.headline] if ranking.headline else []
    if ranking.overturning:
        found.append(
            "A change of basis overturns it: "
            + "; ".join(_contest(ranking, other.basis) for other in ranking.overturning)
        )
    elif ranking.headline and ranking.agreeing:
        found.append(
            f"The same system is the cheapest {', '.join(o.basis for o in ranking.agreeing)}"
        )
    if ranking.unpriced:
        found.append(
            f"Without a price on this basis, and so not ranked: {', '.join(ranking.unpriced)}"
        )
    return found


def _contest(ranking: Ranking, basis: str) -> str:
    other = next(each for each in ranking.others if each.basis == basis)
    first = ranking.declared.cheapest or ""
    usd = FIGURE["usd_per_million_tokens"]
    winner = other.cheapest or ""
    return (
        f"{basis}, {winner} at {usd.number(other.usd[winner])} against {first} at "
        f"{usd.number(other.usd[first])}"
    )
