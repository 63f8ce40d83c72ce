"""The bill month by month, what it is set against, and what other prices would make of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.economics.curve import break_even, break_even_utilisation
from simulator.economics.tokens import MILLION
from simulator.planning.bill.mix import SECONDS_PER_MONTH, Mix
from simulator.planning.bill.servers import Priced


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the bill.

    Args:
        number: from 1.
        requests: None where a request is no more than a million tokens.
        input_tokens, cached_tokens, output_tokens: cached ones among the input; None where nobody
            tells kinds apart.
        replicas, devices, utilisation: of the own fleet; None without one.
        parts: dollars by what they are paid for; they sum to ``usd``.
        against: what the alternatives would cost, by their names.
        revenue, margin: what customers pay, and the share of it that is left; None without one.
    """

    number: int
    requests: float | None
    tokens: float
    input_tokens: float | None
    cached_tokens: float | None
    output_tokens: float | None
    replicas: int | None
    devices: int | None
    utilisation: float | None
    parts: Mapping[str, float]
    usd: float
    usd_per_million_tokens: float
    usd_per_million_output_tokens: float | None
    against: Mapping[str, float]
    revenue: float | None
    margin: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """An alternative over all months, and where it costs the same.

    Args:
        usd: over all months.
        saves_usd: what the bill's own server saves against it; less than nothing is a loss.
        break_even_tokens: tokens of a month at which both cost the same; None where they never do.
        break_even_utilisation: share of its capacity that the own fleet has to serve all the time
            to cost as much a request; above 1 it never does; None without a fleet or such a point.
        needed_tokens_per_s_per_device: input and output tokens that a device of the own fleet has
            to serve a second for that.
    """

    name: str
    server: str
    origin: str
    usd: float
    saves_usd: float
    break_even_tokens: float | None
    break_even_utilisation: float | None
    needed_tokens_per_s_per_device: float | None


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change of prices makes of all months.

    Args:
        change: relative, of prices.
        usd: the bill, if prices of its own server change.
        against: the alternatives, if theirs do.
        break_even_tokens: by alternative, if the own server's prices change.
    """

    change: float
    usd: float
    against: Mapping[str, float]
    break_even_tokens: Mapping[str, float | None]


def months_of(
    server: Priced,
    alternatives: Mapping[str, Priced],
    revenue: Priced | None,
    mix: Mix,
    requests: Sequence[float],
) -> tuple[Month, ...]:
    """A row for each month of the forecast."""
    return tuple(
        _month(number, volume, server, alternatives, revenue, mix)
        for number, volume in enumerate(requests, start=1)
    )


def _month(
    number: int,
    requests: float,
    server: Priced,
    alternatives: Mapping[str, Priced],
    revenue: Priced | None,
    mix: Mix,
) -> Month:
    usd, fleet = server.curve.usd(requests), server.fleet
    units = server.curve.units(requests)
    income = None if revenue is None else revenue.curve.usd(requests)
    tokens = None if mix.tokens is None else mix.tokens.times(requests)
    of_all = MILLION / (mix.total * requests)
    return Month(
        number,
        requests if mix.is_known else None,
        mix.total * requests,
        None if tokens is None else tokens.uncached + tokens.cached,
        None if tokens is None else tokens.cached,
        None if tokens is None else tokens.output,
        None if fleet is None else units,
        None if fleet is None else units * fleet.devices_of_unit,
        None if fleet is None else fleet.utilisation(requests),
        server.parts(requests),
        usd,
        usd * of_all,
        None if tokens is None or not tokens.output else usd * MILLION / tokens.output,
        {name: other.curve.usd(requests) for name, other in alternatives.items()},
        income,
        None if not income else (income - usd) / income,
    )


def compared(
    name: str, server: Priced, other: Priced, mix: Mix, requests: Sequence[float]
) -> Compared:
    """The bill's server set against another one."""
    own, theirs = (sum(p.curve.usd(v) for v in requests) for p in (server, other))
    meeting = break_even(server.curve, other.curve)
    share = None
    if not other.curve.has_units and not other.curve.fixed_usd:
        share = break_even_utilisation(server.curve, other.curve.each_usd)
    needed = None
    if share is not None and server.fleet is not None:
        at_best = server.curve.capacity * mix.total / SECONDS_PER_MONTH
        needed = share * at_best / server.fleet.devices_of_unit
    return Compared(
        name,
        other.title,
        other.origin,
        theirs,
        theirs - own,
        None if meeting is None else meeting * mix.total,
        share,
        needed,
    )


def changed(
    change: float,
    server: Priced,
    alternatives: Mapping[str, Priced],
    mix: Mix,
    requests: Sequence[float],
) -> Changed:
    """All months at prices that are so much higher or lower."""
    factor = 1.0 + change
    own = server.curve.times(factor)
    meetings = {name: break_even(own, other.curve) for name, other in alternatives.items()}
    return Changed(
        change,
        sum(own.usd(volume) for volume in requests),
        {
            name: factor * sum(other.curve.usd(volume) for volume in requests)
            for name, other in alternatives.items()
        },
        {name: None if at is None else at * mix.total for name, at in meetings.items()},
    )
