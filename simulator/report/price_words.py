"""What dollars of an answer rest on, for the terminal, charts and pages."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.report.measures import basis_words, labels
from simulator.report.ranking import Ranking, Standing
from simulator.simulate.figures import FIGURE
from simulator.simulate.result import SimulationResult
from simulator.units import between, money


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
        by = f"{self.offers} by {self.providers}" if self.offers else ""
        return "; ".join(filter(None, (self.hour, by, self.regions, self.dates, self.remark)))


def price_rows(results: Sequence[SimulationResult]) -> list[PriceRow]:
    """One row a system."""
    return [
        PriceRow(
            name,
            _hour(result),
            _offers(result),
            result.price_providers or "",
            result.price_regions or "",
            result.price_dates or "",
            _remark(result, is_alone=basis_words(results) != result.price_basis),
        )
        for name, result in zip(labels(results), results, strict=True)
    ]


def _remark(result: SimulationResult, *, is_alone: bool) -> str:
    """What else is to be said of a price; of one on a basis of its own, which that is."""
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
    basis = str(result.price_basis) if is_alone else ""
    return "; ".join(dict.fromkeys(filter(None, (basis, result.price_mark, *notes))))


def _hour(result: SimulationResult) -> str:
    shown = FIGURE["usd_per_device_hour"].show(result.usd_per_device_hour)
    low, high = result.intervals.get("usd_per_device_hour", (None, None))
    if result.usd_per_device_hour is None or low is None or not low < high:
        return shown
    return f"{shown} ({between(money(low), money(high))})"


def _offers(result: SimulationResult) -> str:
    count = result.price_offers
    if count is None:
        return ""
    prices = [price for price in result.prices if price is not None]
    what = "estimate" if all(price.is_estimate for price in prices) else "offer"
    return f"{count} {what}{'s' if count != 1 else ''}"


def verdict(found: Ranking) -> list[str]:
    """Sentences on who is the cheapest on the declared basis, and who is not ranked."""
    said = []
    if len(found.declared.usd) > 1:
        of_all = f", of {len(found.declared.usd)} systems with a price" if found.unpriced else ""
        tie = " (a tie)" if found.declared.cheapest is None else ""
        leaders = leaders_words(found.declared)
        said.append(
            f"Cheapest at this load, {found.declared.basis}: {leaders} a million tokens{tie}"
            f"{of_all}"
        )
        if found.at_best is not None:
            said.append(
                "Cheapest at best within the objectives, each machine at the most load that it "
                f"takes: {leaders_words(found.at_best)} a million tokens"
            )
    if found.overturning:
        named = ", ".join(other.basis for other in found.overturning)
        said.append(f"Another basis overturns this: {named}")
    if found.unpriced:
        said.append(f"Without a price on this basis, and not ranked: {', '.join(found.unpriced)}")
    return said


def leaders_words(standing: Standing) -> str:
    """The cheapest of a basis and those that tie with it, with marks and dollars."""
    told = []
    for name in standing.leaders:
        mark = f" ({standing.marks[name]})" if name in standing.marks else ""
        told.append(f"{name}{mark} at {money(standing.usd[name])}")
    return " and ".join(told)


def other_bases(found: Ranking) -> list[tuple[str, str, str, str]]:
    """Other bases: who is the cheapest, what the declared one's costs there, what that says.

    Left out are single providers that do not offer the cheapest of the declared basis.
    """
    first = found.declared.cheapest or ""
    return [
        (
            other.basis,
            leaders_words(other),
            money(other.usd.get(first)),
            found.verdict(other),
        )
        for other in found.others
        if other.provider is None or first in other.usd
    ]
