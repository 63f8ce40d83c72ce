"""Who is the cheapest of several systems, on the declared basis and on every other one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.report.measures import labels
from simulator.simulate.result import SimulationResult

TIE = 0.02
"""Systems whose costs differ by less than this share of them are equally cheap."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Systems with a price on one basis, the cheapest first.

    Args:
        basis: in words.
        usd: dollars for a million tokens, by system.
        marks: why a system's price is no market's, by system.
        hour: dollars for an hour of a device, by system.
    """

    basis: str
    usd: Mapping[str, float]
    hour: Mapping[str, float]
    marks: Mapping[str, str]

    @property
    def cheapest(self) -> str | None:
        """The system that is cheaper than all others by more than a tie; None without one."""
        names = list(self.usd)
        if len(names) < 2 or self.usd[names[0]] > (1 - TIE) * self.usd[names[1]]:
            return None
        return names[0]


@dataclass(frozen=True, slots=True)
class Ranking:
    """How systems stand in money on the declared basis, and what other bases would say."""

    declared: Standing
    others: tuple[Standing, ...]
    unpriced: tuple[str, ...]

    @property
    def overturning(self) -> tuple[Standing, ...]:
        """Bases on which the declared basis's cheapest has a price, and another is cheaper."""
        first = self.declared.cheapest
        return tuple(
            other
            for other in self.others
            if first is not None and other.cheapest not in (first, None) and first in other.usd
        )

    @property
    def agreeing(self) -> tuple[Standing, ...]:
        """Bases on which the same system is the cheapest."""
        first = self.declared.cheapest
        return tuple(o for o in self.others if first is not None and o.cheapest == first)

    @property
    def tied(self) -> tuple[Standing, ...]:
        """Bases on which the declared basis's cheapest is as cheap as another."""
        first = self.declared.cheapest
        return tuple(o for o in self.others if first in o.usd and o.cheapest is None)

    @property
    def silent(self) -> tuple[Standing, ...]:
        """Bases on which the declared basis's cheapest has no price."""
        first = self.declared.cheapest
        return tuple(o for o in self.others if first is not None and first not in o.usd)

    @property
    def headline(self) -> str:
        """The finding in one sentence; never one that another basis overturns without a word."""
        priced, cheapest = len(self.declared.usd), self.declared.cheapest
        if cheapest is None:
            return ""
        of_all = "" if not self.unpriced else f" of the {priced} systems with a price"
        mark = self.declared.marks.get(cheapest)
        marked = f" ({mark})" if mark else ""
        text = f"{cheapest}{marked} serves a token for the least money{of_all}, "
        text += self.declared.basis
        against, silent = self.overturning, self.silent
        text += f"; not so {_listed(against)}" if against else ""
        return text + (f"; it has no price {_listed(silent)}" if silent else "")

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON: every basis with its order, and the verdict."""
        return {
            "headline": self.headline,
            "declared": _plain(self.declared),
            "unpriced": list(self.unpriced),
            "others": [_plain(other) for other in self.others],
            "overturned_by": [other.basis for other in self.overturning],
            "tied_on": [other.basis for other in self.tied],
            "no_price_of_the_cheapest_on": [other.basis for other in self.silent],
        }


def _listed(standings: Sequence[Standing]) -> str:
    return ", ".join(f"{s.basis} ({s.cheapest or 'a tie'})" for s in standings)


def _plain(standing: Standing) -> dict[str, object]:
    return {
        "basis": standing.basis,
        "usd_per_million_tokens": dict(standing.usd),
        "usd_per_device_hour": dict(standing.hour),
        "marks": dict(standing.marks),
        "cheapest": standing.cheapest,
    }


def ranking(results: Sequence[SimulationResult]) -> Ranking:
    """How ``results`` stand in money on the basis that they declare and on all others they have.

    Another basis counts where at least two of the systems have a price on it.
    """
    names = labels(results)
    declared: dict[str, tuple[float, float, str]] = {}
    elsewhere: dict[str, dict[str, tuple[float, float, str]]] = {}
    for name, result in zip(names, results, strict=True):
        usd = result.figures.get("usd_per_million_tokens")
        if usd is not None:
            mark = result.figures.get("price_mark") or ""
            declared[name] = usd, result.figures["usd_per_device_hour"], mark
        for cost in result.elsewhere:
            found = cost.usd_per_million_tokens, cost.usd_per_device_hour, cost.mark
            elsewhere.setdefault(cost.basis, {})[name] = found
    return Ranking(
        _standing(str(results[0].figures.get("price_basis")), declared),
        tuple(_standing(b, costs) for b, costs in elsewhere.items() if len(costs) > 1),
        tuple(name for name in names if name not in declared),
    )


def _standing(basis: str, costs: Mapping[str, tuple[float, float, str]]) -> Standing:
    ranked = sorted(costs, key=lambda name: costs[name][0])
    return Standing(
        basis,
        {name: costs[name][0] for name in ranked},
        {name: costs[name][1] for name in ranked},
        {name: costs[name][2] for name in ranked if costs[name][2]},
    )
