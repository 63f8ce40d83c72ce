"""What a mean request of a bill is made of, and how many of them come in each month."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from simulator.economics.owned import HOURS_PER_MONTH
from simulator.economics.tokens import MILLION, TokenRates, Tokens
from simulator.errors import InputError
from simulator.specs.bill import Traffic

SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600.0
"""A twelfth of a year of 365.25 days."""

MOST_TOKENS = 1e18
"""Tokens of a month; more are a slip of growth or units."""


@dataclass(frozen=True, slots=True)
class Mix:
    """A mean request.

    Args:
        total: its tokens; of a bill that knows tokens alone, a million.
        tokens: those of each kind; None where nothing says how many are input and how many output.
    """

    total: float
    tokens: Tokens | None

    def usd(self, rates: TokenRates) -> float:
        """What a request costs at these rates.

        Raises:
            InputError: rates that differ between kinds of tokens, which nobody has told apart.
        """
        if self.tokens is not None:
            return rates.usd(self.tokens)
        if not rates.uncached == rates.cached == rates.output:
            raise InputError(
                "a price differs between input and output, and nothing says how many there are of "
                "each",
                field="bill.traffic",
                remedy="give input_tokens_per_request and output_tokens_per_request, or one "
                "usd_per_million_tokens for all",
            )
        return self.total * rates.output / MILLION

    @property
    def is_known(self) -> bool:
        """Whether a request is a real one, and not a million tokens."""
        return self.tokens is not None


@dataclass(frozen=True, slots=True)
class Measured:
    """What a simulation tells of a workload: mean lengths, hits, and how often requests come."""

    input_tokens: float
    output_tokens: float
    cached_share: float
    requests_per_s: float | None


def mix_of(traffic: Traffic, measured: Measured | None) -> Mix:
    """The mean request: as the traffic says, and otherwise as it was measured.

    Raises:
        InputError: one length without the other, and nothing is measured.
    """
    given: Mapping[str, float | None] = {
        "input_tokens_per_request": traffic.input_tokens_per_request,
        "output_tokens_per_request": traffic.output_tokens_per_request,
    }
    if measured is None and None in given.values():
        missing = [name for name, value in given.items() if value is None]
        if len(missing) == 1 or traffic.requests_per_month is not None:
            raise InputError(
                "nothing says how long requests are",
                field=f"bill.traffic.{missing[0]}",
                remedy="give it, as no workload is simulated that would tell",
            )
        if traffic.cached_share is not None:
            raise InputError(
                "has no effect, as nothing says how many tokens are input",
                field="bill.traffic.cached_share",
                remedy="give input_tokens_per_request and output_tokens_per_request too",
            )
        return Mix(MILLION, None)
    inputs = traffic.input_tokens_per_request
    outputs = traffic.output_tokens_per_request
    cached = traffic.cached_share
    if measured is not None:
        inputs = measured.input_tokens if inputs is None else inputs
        outputs = measured.output_tokens if outputs is None else outputs
        cached = measured.cached_share if cached is None else cached
    assert inputs is not None
    assert outputs is not None
    if not inputs + outputs:
        raise InputError(
            "requests have no tokens",
            field="bill.traffic.input_tokens_per_request",
            remedy="give a length of prompts or of answers",
        )
    share = cached or 0.0
    return Mix(inputs + outputs, Tokens(inputs * (1 - share), inputs * share, outputs))


def requests_by_month(traffic: Traffic, mix: Mix, measured: Measured | None) -> list[float]:
    """Requests of each month, the first as given or at the workload's own rate day and night.

    Raises:
        InputError: no volume at all, or growth past any volume.
    """
    if traffic.requests_per_month is not None:
        first = traffic.requests_per_month
    elif traffic.tokens_per_month is not None:
        first = traffic.tokens_per_month / mix.total
    elif measured is not None and measured.requests_per_s is not None:
        first = measured.requests_per_s * SECONDS_PER_MONTH
    else:
        raise InputError(
            "nothing says how much traffic there is",
            field="bill.traffic",
            remedy="give tokens_per_month or requests_per_month",
        )
    months, growth = traffic.months, 1.0 + traffic.growth
    peak = math.log(max(first * mix.total, 1.0)) + max(0.0, (months - 1) * math.log(growth))
    if peak > math.log(MOST_TOKENS):
        raise InputError(
            f"traffic that grows by {traffic.growth:.0%} a month passes {MOST_TOKENS:.0e} tokens "
            f"within {months} months",
            field="bill.traffic.growth",
            remedy="give a smaller growth, fewer months or less traffic",
        )
    return [first * growth**month for month in range(months)]
