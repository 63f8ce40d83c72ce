"""The answer of ``roofsim bill``: from a scenario with a bill to every part of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from simulator.economics.curve import Curve
from simulator.errors import InputError
from simulator.planning.bill.fleet import Fleet
from simulator.planning.bill.migration import Moved, moved
from simulator.planning.bill.mix import SECONDS_PER_MONTH, Mix, mix_of, requests_by_month
from simulator.planning.bill.months import (
    Changed,
    Compared,
    Month,
    changed,
    compared,
    months_of,
)
from simulator.planning.bill.routed import Routed, routed
from simulator.planning.bill.sampled import Against, against
from simulator.planning.bill.servers import Ledger, Priced, key, own_systems, servers_of
from simulator.planning.workers.in_order import made_in_order
from simulator.planning.workers.local import checked_workers
from simulator.specs.bill import ApiPrice, Bill, GivenPrice, OwnSystem, Traffic
from simulator.specs.question import ask, from_fields
from simulator.specs.scenario import Arithmetic, Scenario
from simulator.units import significant

OWN = "the bill"
"""What the bill's own server is called beside those that it is set against."""

_OF_FLEETS = ("peak_to_mean", "headroom", "spare")
"""What of a forecast only own systems are sized by."""

_ARITHMETIC = "plain arithmetic on given prices: nothing is simulated"


@dataclass(frozen=True)
class BillAnswer:
    """A bill and all that it was set against.

    Args:
        scenario, title: what it is of.
        server: who serves, and ``origin`` what its prices rest on.
        simulated: whether any of it was simulated; otherwise it is plain arithmetic.
        months: a row for each month.
        usd: of all months together.
        parts: of all months, by what dollars are paid for.
        reasons: of all months, why dollars are paid; empty without an own fleet.
        capacity_requests_per_s: what a unit of the own fleet serves at best; None without one.
        compared, changed: what the bill is set against, and what other prices make of it.
        migration, routing, sampling: those that were asked for.
        tokens_per_request: of the mean request; a million where nobody tells requests apart.
        curves: dollars a month of the server and of what it is set against, by name.
        notes: assumptions that a reader should hear of.
    """

    scenario: str
    title: str
    server: str
    origin: str
    simulated: bool
    months: tuple[Month, ...]
    usd: float
    parts: Mapping[str, float]
    reasons: Mapping[str, float]
    capacity_requests_per_s: float | None
    compared: tuple[Compared, ...]
    changed: tuple[Changed, ...]
    migration: Moved | None
    routing: Routed | None
    sampling: Against | None
    tokens_per_request: float
    curves: Mapping[str, Curve]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the curves are left out."""
        found = asdict(replace(self, curves={}))
        del found["curves"]
        return found


def bill(question: Scenario | Arithmetic, *, workers: int = -1) -> BillAnswer:
    """What the traffic of a scenario costs, month by month, as its ``bill`` section asks.

    Own systems are simulated at best, several of them in parallel.

    Raises:
        InputError: a scenario without a bill, or anything in it that cannot be answered.
    """
    checked_workers(workers)
    asked = question.bill
    if asked is None:
        raise InputError(
            "the scenario has no bill",
            field="bill",
            remedy="add a section bill, with traffic and what it is set against; an empty one "
            "(bill: {}) is the workload's own rate for a year",
        )
    fleets = _fleets(question, asked, workers)
    measured = next((fleet.measured for fleet in fleets.values()), None)
    mix = mix_of(asked.traffic, measured)
    requests = requests_by_month(asked.traffic, mix, measured)
    ledger = Ledger(mix, question.economics, _model(question), fleets)
    server = ledger.priced(asked.server or OwnSystem(kind="system"), "bill.server")
    ledger = ledger.with_own(server)
    alternatives = {
        each.name: ledger.priced(each.server, f"bill.against.{number}.server")
        for number, each in enumerate(asked.against)
    }
    revenue = None if asked.revenue is None else ledger.priced(asked.revenue, "bill.revenue")
    months = months_of(server, alternatives, revenue, mix, requests)
    return BillAnswer(
        scenario=question.name,
        title=question.title or f"{server.title}, {len(months)} months",
        server=server.title,
        origin=server.origin,
        simulated=bool(fleets),
        months=months,
        usd=sum(month.usd for month in months),
        parts=_summed([month.parts for month in months]),
        reasons={}
        if server.fleet is None
        else _summed([server.fleet.reasons(v) for v in requests]),
        capacity_requests_per_s=None if server.fleet is None else server.fleet.best.requests_per_s,
        compared=tuple(
            compared(name, server, other, mix, requests) for name, other in alternatives.items()
        ),
        changed=tuple(
            changed(change, server, alternatives, mix, requests) for change in asked.price_changes
        ),
        migration=_moved(asked, ledger, server, requests),
        routing=_routed(asked, ledger, requests),
        sampling=None if asked.sampling is None else against(asked.sampling, ledger),
        tokens_per_request=mix.total,
        curves={OWN: server.curve} | {n: p.curve for n, p in alternatives.items()},
        notes=tuple(dict.fromkeys((*question.notes, *_notes(asked, fleets, mix, server)))),
    )


def _fleets(question: Scenario | Arithmetic, asked: Bill, workers: int) -> dict[str, Fleet]:
    """Every own system that is asked for; of plain arithmetic none."""
    if isinstance(question, Arithmetic):
        return {}
    wanted = own_systems(asked)
    if not wanted and not _knows_lengths(asked.traffic):
        wanted = {key(OwnSystem(kind="system")): {}}
    content = question.model_dump(mode="json", exclude_unset=True, exclude={"bill"})
    scenarios = [
        ask(content, from_fields(changes, "changes: {}")) if changes else question
        for changes in wanted.values()
    ]
    jobs = [(scenario, asked.traffic) for scenario in scenarios]
    return dict(zip(wanted, made_in_order(_fleet, jobs, workers), strict=True))


def _knows_lengths(traffic: Traffic) -> bool:
    return None not in (traffic.input_tokens_per_request, traffic.output_tokens_per_request)


def _fleet(job: tuple[Scenario, Traffic]) -> Fleet:
    return Fleet.of(*job)


def _model(question: Scenario | Arithmetic) -> str | None:
    if isinstance(question, Arithmetic):
        return None
    return question.model if isinstance(question.model, str) else str(question.model["base"])


def _summed(rows: list[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        for name, usd in row.items():
            found[name] = found.get(name, 0.0) + usd
    return found


def _moved(asked: Bill, ledger: Ledger, server: Priced, requests: list[float]) -> Moved | None:
    if asked.migration is None:
        return None
    after = ledger.priced(asked.migration.to, "bill.migration.to")
    return moved(asked.migration, server, after, requests)


def _routed(asked: Bill, ledger: Ledger, requests: list[float]) -> Routed | None:
    if asked.routing is None:
        return None
    servers = [
        ledger.priced(tier.server, f"bill.routing.tiers.{number}.server")
        for number, tier in enumerate(asked.routing.tiers)
        if tier.server is not None
    ]
    return routed(asked.routing, servers, requests)


def _is_set_against_prices(asked: Bill) -> bool:
    """Whether somebody is paid by the token, at a price of their own."""
    return any(isinstance(server, ApiPrice | GivenPrice) for server in servers_of(asked))


def _rules(fleets: Mapping[str, Fleet]) -> str:
    return "; ".join(dict.fromkeys(fleet.rule for fleet in fleets.values()))


def _within(fleets: Mapping[str, Fleet]) -> str:
    return "; ".join(dict.fromkeys(fleet.best.words for fleet in fleets.values()))


def _notes(asked: Bill, fleets: Mapping[str, Fleet], mix: Mix, server: Priced) -> list[str]:
    traffic, found = asked.traffic, []
    if not fleets:
        found.append(_ARITHMETIC)
        idle = [name for name in _OF_FLEETS if name in traffic.model_fields_set]
        if idle:
            found.append(f"without effect, as there is no own system: {', '.join(idle)}")
    if mix.tokens is not None:
        prompt = mix.tokens.uncached + mix.tokens.cached
        found.append(
            f"a mean request has {significant(prompt)} input tokens, of which "
            f"{mix.tokens.cached / prompt if prompt else 0:.0%} are cached, and "
            f"{significant(mix.tokens.output)} output tokens; every server is taken to count "
            "tokens alike"
        )
    if fleets:
        found.append(
            "an own system has as many replicas as are needed, each at most at what one alone "
            f"serves {_within(fleets)}, at the peak ({traffic.peak_to_mean:g} times the mean, "
            f"{traffic.headroom:.0%} left free), and {traffic.spare} to spare; all of them are "
            "paid for day and night"
        )
    if fleets and mix.tokens is not None and mix.tokens.cached and _is_set_against_prices(asked):
        found.append(
            "a provider's cache is taken to spare as many tokens as the own system's does; set "
            "bill.traffic.cached_share where that is not so"
        )
    if fleets and asked.sampling is not None:
        found.append(f"kinds of tokens of an own system cost {_rules(fleets)}")
    if traffic.tokens_per_month is None and traffic.requests_per_month is None and fleets:
        found.append("the workload's own rate is taken to hold day and night")
    if server.fleet is not None:
        found += [f"{server.fleet.title}: {note}" for note in server.fleet.cluster.notes]
    found.append(f"a month has {SECONDS_PER_MONTH / 3600:g} hours")
    return found
