"""Who is the cheapest of several systems, on the declared basis and on every other one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from simulator.report.measures import basis_words, labels
from simulator.simulate.result import SimulationResult

Verdict = Literal[
    "agrees", "overturns it", "tie", "has no price of it", "decides the tie", "names another"
]  # fmt: skip

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
        provider: whose offers alone count, where the basis is that of one provider.
    """

    basis: str
    usd: Mapping[str, float]
    hour: Mapping[str, float]
    marks: Mapping[str, str]
    provider: str | None = None

    @property
    def cheapest(self) -> str | None:
        """The system that is cheaper than all others by more than a tie; None without one."""
        return self.leaders[0] if len(self.usd) > 1 and len(self.leaders) == 1 else None

    @property
    def leaders(self) -> tuple[str, ...]:
        """The cheapest, and all that cost no more than a tie above it."""
        least = min(self.usd.values(), default=0.0)
        return tuple(name for name, usd in self.usd.items() if (1 - TIE) * usd <= least)


@dataclass(frozen=True, slots=True)
class Ranking:
    """How systems stand in money on the declared basis, and what other bases would say.

    ``at_best`` is the declared basis at the most load of each machine within the objectives, where
    that of all is known.
    """

    declared: Standing
    others: tuple[Standing, ...]
    unpriced: tuple[str, ...]
    at_best: Standing | None = None

    def verdict(self, other: Standing) -> Verdict:
        """What another basis says of the declared basis's cheapest, or of those that tie."""
        first = self.declared.cheapest
        if other.cheapest is None:
            return "tie" if first is None or first in other.usd else "has no price of it"
        if first is None:
            is_among = other.cheapest in self.declared.leaders
            return "decides the tie" if is_among else "names another"
        if first not in other.usd:
            return "has no price of it"
        return "agrees" if other.cheapest == first else "overturns it"

    @property
    def overturning(self) -> tuple[Standing, ...]:
        """Bases on which the declared basis's cheapest has a price, and another is cheaper."""
        return tuple(o for o in self.others if self.verdict(o) == "overturns it")

    @property
    def silent(self) -> tuple[Standing, ...]:
        """Bases on which the declared basis's cheapest has no price."""
        found = (o for o in self.others if o.provider is None)
        return tuple(o for o in found if self.verdict(o) == "has no price of it")

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
            "at_best": None if self.at_best is None else _plain(self.at_best),
            "unpriced": list(self.unpriced),
            "others": [{**_plain(other), "verdict": self.verdict(other)} for other in self.others],
            "overturned_by": [other.basis for other in self.overturning],
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
    best: dict[str, _Cost] = {}
    declared: dict[str, _Cost] = {}
    elsewhere: dict[tuple[str, str | None], dict[str, _Cost]] = {}
    for name, result in zip(names, results, strict=True):
        usd = result.figures.get("usd_per_million_tokens")
        if usd is not None:
            mark = result.figures.get("price_mark") or ""
            declared[name] = _Cost(usd, result.figures["usd_per_device_hour"], mark)
            most = result.figures.get("best_usd_per_million_tokens")
            if most is not None:
                best[name] = declared[name]._replace(usd=most)
        for cost in result.elsewhere:
            found = _Cost(cost.usd_per_million_tokens, cost.usd_per_device_hour, cost.mark)
            elsewhere.setdefault((cost.basis, cost.provider), {})[name] = found
    # Bases of all providers first, then those of one.
    ordered = sorted(elsewhere.items(), key=lambda entry: entry[0][1] is not None)
    basis = basis_words(results)
    return Ranking(
        _standing(basis, None, declared),
        tuple(_standing(*other, costs) for other, costs in ordered if len(costs) > 1),
        tuple(name for name in names if name not in declared),
        _standing(basis, None, best) if best and best.keys() == declared.keys() else None,
    )


class _Cost(NamedTuple):
    usd: float
    hour: float
    mark: str


def _standing(basis: str, provider: str | None, costs: Mapping[str, _Cost]) -> Standing:
    ranked = sorted(costs, key=lambda name: costs[name].usd)
    return Standing(
        basis,
        {name: costs[name].usd for name in ranked},
        {name: costs[name].hour for name in ranked},
        {name: costs[name].mark for name in ranked if costs[name].mark},
        provider,
    )
