"""What dollars of an answer rest on, for the terminal, charts and pages."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.report.measures import labels
from simulator.report.ranking import Ranking, Standing
from simulator.simulate.figures import FIGURE
from simulator.simulate.result import SimulationResult
from simulator.units import money


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

    @property
    def words(self) -> str:
        """All of it in one line."""
        offers = f"{self.offers} offer{'s' if self.offers != '1' else ''}" if self.offers else ""
        by = f"{offers} by {self.providers}" if offers else ""
        return "; ".join(filter(None, (self.hour, by, self.regions, self.dates, self.remark)))


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
        if not result.elsewhere:
            return "; ".join(result.price_notes)
        near = result.elsewhere[0]
        mark = f", {near.mark}" if near.mark else ""
        return (
            f"no offer; nearest basis: {near.basis}{mark}, {money(near.usd_per_device_hour)}/h, "
            f"which gives {money(near.usd_per_million_tokens)} a million tokens"
        )
    notes = [price.note for price in result.prices if price is not None and price.note]
    return "; ".join(dict.fromkeys(filter(None, (result.price_mark, *notes))))


def verdict(found: Ranking) -> list[str]:
    """Sentences on who is the cheapest, on what basis, and what other bases say of that."""
    said = []
    cheapest = found.declared.cheapest
    if cheapest is not None:
        usd = money(found.declared.usd[cheapest])
        of_all = f", of {len(found.declared.usd)} systems with a price" if found.unpriced else ""
        name = f"{cheapest}{_marked(found.declared, cheapest)}"
        said.append(f"Cheapest, {found.declared.basis}: {name} at {usd}{of_all}")
    elif len(found.declared.usd) > 1:
        said.append(f"Cheapest, {found.declared.basis}: a tie within 2 %")
    if found.overturning:
        contests = (_contest(cheapest or "", other) for other in found.overturning)
        said.append(f"Another basis overturns this: {'; '.join(contests)}")
    if found.agreeing:
        said.append(f"It holds, too, {'; '.join(other.basis for other in found.agreeing)}")
    if found.tied:
        said.append(f"A tie within 2 %: {'; '.join(_leaders(other) for other in found.tied)}")
    if found.silent:
        there = "; ".join(_leaders(other) for other in found.silent)
        said.append(f"{cheapest} has no price on every basis; cheapest without it: {there}")
    if found.unpriced:
        said.append(f"Without a price on this basis, and not ranked: {', '.join(found.unpriced)}")
    return said


def _leaders(other: Standing) -> str:
    """The cheapest of a basis, or those that tie, with what they cost."""
    names = list(other.usd)
    named = names[:1] if other.cheapest else names[:2]
    told = " and ".join(
        f"{name}{_marked(other, name)} at {money(other.usd[name])}" for name in named
    )
    return f"{other.basis}, {told}"


def _marked(standing: Standing, name: str) -> str:
    return f" ({standing.marks[name]})" if name in standing.marks else ""


def _contest(first: str, other: Standing) -> str:
    winner = other.cheapest or ""
    return (
        f"{other.basis}, {winner}{_marked(other, winner)} at {money(other.usd[winner])} against "
        f"{money(other.usd[first])} for {first}"
    )
