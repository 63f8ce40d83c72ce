"""Who serves a bill's requests, and what that costs: own systems, APIs, prices that are given."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from simulator.economics.curve import Curve
from simulator.economics.tokens import (
    MILLION,
    TokenRates,
    Tokens,
    dearest_hours,
    newest,
    rates_of,
)
from simulator.errors import InputError, nearest, shown
from simulator.planning.bill.fleet import Fleet
from simulator.planning.bill.mix import Mix
from simulator.specs.bill import (
    ApiPrice,
    Bill,
    FlatPrice,
    GivenPrice,
    OwnSystem,
    PerQuery,
    Server,
    TimesCheaper,
)
from simulator.specs.economics import Economics
from simulator.specs.price_book import token_prices
from simulator.specs.token_prices import TokenPrice
from simulator.units import money, significant


@dataclass(frozen=True)
class Priced:
    """Who serves, and what that costs.

    Args:
        title: what people call it.
        origin: what its prices rest on, with their dates.
        curve: dollars a month against requests.
        rates: of a million tokens of each kind; None where nobody is paid by the token.
        each: dollars of a request by what it is paid for, where that is no fleet.
        fleet: the own system behind it, if it is one.
    """

    title: str
    origin: str
    curve: Curve
    rates: TokenRates | None = None
    each: Mapping[str, float] = field(default_factory=dict)
    fleet: Fleet | None = None

    def parts(self, requests: float) -> dict[str, float]:
        """Every dollar of a month by what it is paid for."""
        if self.fleet is not None:
            return self.fleet.parts(requests)
        if self.each:
            return {name: usd * requests for name, usd in self.each.items()}
        return {self.title: self.curve.usd(requests)}

    def usd_of(self, tokens: Tokens, asked: str) -> float:
        """What these tokens alone cost.

        Raises:
            InputError: nobody is paid by the token here.
        """
        if self.rates is None:
            raise InputError(
                f"{self.title} has no price for a token",
                field=asked,
                remedy="give a system, an api or a price for a million tokens",
            )
        return self.rates.usd(tokens)


@dataclass(frozen=True)
class Ledger:
    """What servers are priced with.

    Args:
        mix: the mean request.
        economics: the price book.
        model: the model of the scenario; None without one.
        fleets: every own system that the bill asks for, by ``key`` of its server.
        own: the bill's own server, once it is known.
    """

    mix: Mix
    economics: Economics
    model: str | None
    fleets: Mapping[str, Fleet]
    own: Priced | None = None

    def priced(self, server: Server, asked: str) -> Priced:
        """Who ``server`` is and what it costs; ``asked`` is the field that names it.

        Raises:
            InputError: no such model or provider in the price list, or no system to simulate.
        """
        if isinstance(server, OwnSystem):
            return self._fleet(server, asked)
        if isinstance(server, ApiPrice):
            return self._api(server, asked)
        if isinstance(server, GivenPrice):
            return self._by_tokens(*_given(server))
        if isinstance(server, FlatPrice):
            title = f"{money(server.usd_per_month)} a month"
            return Priced(title, "as given", Curve(fixed_usd=server.usd_per_month))
        if isinstance(server, PerQuery):
            usd = server.usd_per_query
            title = f"{money(usd)} a query"
            return Priced(title, "as given", Curve(each_usd=usd), each={"queries": usd})
        return self._cheaper(server, asked)

    def _fleet(self, server: OwnSystem, asked: str) -> Priced:
        fleet = self.fleets.get(key(server))
        if fleet is None:
            raise InputError(
                "there is no system here that could be simulated",
                field=asked,
                remedy="add model, hardware and workload to the scenario, or give a price",
            )
        return Priced(fleet.title, fleet.origin, fleet.curve, fleet.rates, fleet=fleet)

    def _api(self, server: ApiPrice, asked: str) -> Priced:
        row, others = chosen_price(server, self, asked)
        rates = rates_of(row, server.batch_share)
        cached = (
            ""
            if row.usd_per_million_cached_input_tokens is not None
            else ("; nothing is known of a discount for cached tokens")
        )
        batch = ""
        if server.batch_share:
            known = row.batch_discount is not None
            off = f"{row.batch_discount:.0%} off" if known else "of no known discount"
            batch = f"; {server.batch_share:.0%} in batches, {off}"
        hours = f", {row.hours} hours" if row.hours else ""
        prices = "/".join(
            money(usd)
            for usd in (
                row.usd_per_million_input_tokens,
                row.usd_per_million_cached_input_tokens,
                row.usd_per_million_output_tokens,
            )
            if usd is not None
        )
        among = f", the cheapest of {others + 1} providers" if others else ""
        told = f"; {row.note}" if row.note else ""
        origin = f"{prices} a million tokens{hours}, {row.as_of}{among}{cached}{batch}{told}"
        return self._by_tokens(f"{row.provider} {row.model}", f"{origin}; {row.source}", rates)

    def _by_tokens(self, title: str, origin: str, rates: TokenRates) -> Priced:
        usd = self.mix.usd(rates)
        tokens = self.mix.tokens
        each = {"tokens": usd}
        if tokens is not None:
            each = {
                "uncached input": tokens.uncached * rates.uncached / MILLION,
                "cached input": tokens.cached * rates.cached / MILLION,
                "output": tokens.output * rates.output / MILLION,
            }
        return Priced(title, origin, Curve(each_usd=usd), rates, each)

    def _cheaper(self, server: TimesCheaper, asked: str) -> Priced:
        if self.own is None:
            raise InputError(
                "times cheaper than what? the bill's own server cannot be told by itself",
                field=asked,
                remedy="give a system or a price",
            )
        factor = 1.0 / server.times
        rates = None if self.own.rates is None else self.own.rates.times(factor)
        title = f"{significant(server.times)} × cheaper than {self.own.title}"
        return Priced(title, "as given", self.own.curve.times(factor), rates)

    def with_own(self, own: Priced) -> "Ledger":
        """The same, once the bill's own server is known."""
        return replace(self, own=own)


def key(server: OwnSystem) -> str:
    """What tells one own system from another."""
    return repr(sorted(server.changes.items(), key=lambda item: item[0]))


def own_systems(bill: Bill) -> dict[str, Mapping[str, Any]]:
    """The changes of every own system that a bill asks for, by ``key``, each once."""
    servers = [] if bill.server is not None else [OwnSystem(kind="system")]
    servers += [server for server in servers_of(bill) if isinstance(server, OwnSystem)]
    return {key(server): server.changes for server in servers}


def servers_of(bill: Bill) -> Iterator[Server]:
    """Everybody whom a bill asks about."""
    if bill.server is not None:
        yield bill.server
    if bill.revenue is not None:
        yield bill.revenue
    yield from (each.server for each in bill.against)
    if bill.migration is not None:
        yield bill.migration.to
    if bill.routing is not None:
        yield from (tier.server for tier in bill.routing.tiers if tier.server is not None)
    if bill.sampling is not None:
        for sampled in (bill.sampling.small, bill.sampling.large):
            yield sampled.server
            if sampled.judge is not None:
                yield sampled.judge


def _given(server: GivenPrice) -> tuple[str, str, TokenRates]:
    usd = server.usd_per_million_tokens
    if usd is not None:
        return f"{money(usd)} a million tokens", "as given", TokenRates(usd, usd, usd)
    inputs, outputs = server.usd_per_million_input_tokens, server.usd_per_million_output_tokens
    assert inputs is not None
    assert outputs is not None
    cached = server.usd_per_million_cached_input_tokens
    cached = inputs if cached is None else cached
    title = f"{money(inputs)}/{money(cached)}/{money(outputs)} a million tokens"
    return title, "as given", TokenRates(inputs, cached, outputs)


def chosen_price(server: ApiPrice, ledger: Ledger, asked: str) -> tuple[TokenPrice, int]:
    """The row of the price list that a server means, and how many others it was chosen from.

    The newest of each provider counts, at its dearest hours unless others are asked for, and among
    providers the cheapest for the mean request.

    Raises:
        InputError: no such model, provider or hours; suggests the nearest.
    """
    book = token_prices(ledger.economics.prices)
    name = server.model if server.model is not None else ledger.model
    if name is None:
        raise InputError("no model is named", field=f"{asked}.model", remedy="name one")
    slug = name.lower().split("/")[-1]
    rows = [row for row in book if slug in [known.lower() for known in row.names]]
    if not rows:
        every = {known for row in book for known in row.names}
        raise InputError(
            f"no API price list has the model {shown(name)}",
            field=f"{asked}.model",
            remedy=f"{nearest(slug, every)} or give a price: "
            "{kind: price, usd_per_million_tokens: …}",
        )
    if server.provider is not None:
        of_provider = [row for row in rows if row.provider.lower() == server.provider.lower()]
        if not of_provider:
            who = sorted({row.provider for row in rows})
            raise InputError(
                f"{shown(server.provider)} has no price of {name}",
                field=f"{asked}.provider",
                remedy=f"{nearest(server.provider, who)} ({', '.join(who)} have one)",
            )
        rows = of_provider
    rows = newest(rows)
    if server.hours is not None:
        at_hours = [row for row in rows if row.hours == server.hours]
        if not at_hours:
            when = sorted({row.hours for row in rows if row.hours})
            raise InputError(
                f"no price of {name} holds at {shown(server.hours)} hours",
                field=f"{asked}.hours",
                remedy=nearest(server.hours, when) if when else "leave hours out",
            )
        rows = at_hours
    mean = ledger.mix.tokens or Tokens(1.0, 0.0, 1.0)
    rows = dearest_hours(rows, mean)
    cheapest = min(rows, key=lambda row: rates_of(row, server.batch_share).usd(mean))
    return cheapest, len({row.provider for row in rows}) - 1
