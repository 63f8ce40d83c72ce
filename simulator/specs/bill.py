"""What a bill is of: a traffic forecast, who serves it, and what that is set against."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from simulator.errors import FieldError
from simulator.specs.quantity import Flag, Number, Spec, Unit, Whole
from simulator.specs.token_prices import UsdPerMillion
from simulator.units import parse

Money = Annotated[float, Unit("usd")]
Share = Annotated[float, Unit("fraction", high=1.0)]
Volume = Annotated[float, Unit("count", allow_zero=False, low=1.0, high=1e18)]
Days = Annotated[float, Unit("seconds")]


def _change(raw: object) -> object:
    return parse(raw, "fraction") if isinstance(raw, str) else raw


Change = Annotated[Number, BeforeValidator(_change), Field(ge=-0.99, le=100)]
"""A relative change, which may be a loss: ``-20 %`` is -0.2."""


class Traffic(Spec):
    """How much is asked for in a month, and how it grows.

    Args:
        tokens_per_month: input and output tokens of the first month; absent, and where no requests
            are given either, the rate of the workload holds day and night.
        requests_per_month: requests of the first month, in place of tokens.
        input_tokens_per_request: mean prompt, cached tokens included; absent, the workload's.
        output_tokens_per_request: mean answer; absent, the workload's.
        cached_share: of input tokens, those that a cache spares; absent, what the simulation finds,
            and nothing where nothing is simulated.
        growth: change from each month to the next.
        months: how many are counted.
        peak_to_mean: the busiest time's traffic over the month's mean; systems are sized for it.
        headroom: share of the capacity that stays free even then.
        spare: replicas beside those that are needed, as 1 for N+1.
    """

    tokens_per_month: (
        Annotated[Volume, Flag(help="Input and output tokens of the first month.")] | None
    ) = None
    requests_per_month: Annotated[Volume, Flag(help="Requests of the first month.")] | None = None
    input_tokens_per_request: Annotated[Number, Field(ge=0, le=1e9)] | None = None
    output_tokens_per_request: Annotated[Number, Field(ge=0, le=1e9)] | None = None
    cached_share: (
        Annotated[Share, Flag(help="Share of input tokens that a cache spares.")] | None
    ) = None
    growth: Annotated[Change, Flag(help="Change of traffic from each month to the next.")] = 0.0
    months: Annotated[Whole, Field(ge=1, le=120), Flag(help="Months of the bill.")] = 12
    peak_to_mean: Annotated[Number, Field(ge=1, le=1000), Flag(help="Peak over mean traffic.")] = (
        1.0
    )
    headroom: Annotated[Share, Field(le=0.95), Flag(help="Share of capacity free at the peak.")] = (
        0.0
    )
    spare: Annotated[
        Whole, Field(ge=0, le=100_000), Flag(help="Replicas beyond need, 1 for N+1.")
    ] = 0

    @model_validator(mode="after")
    def _one_volume(self) -> "Traffic":
        if self.tokens_per_month is not None and self.requests_per_month is not None:
            raise FieldError(
                "tokens_per_month stands beside requests_per_month", remedy="keep one of the two"
            )
        return self


class OwnSystem(Spec):
    """The system of the scenario, simulated, with fields that differ.

    Args:
        kind: system.
        changes: fields of the scenario by their paths, as in ``--set``: ``{hardware: tpu-v6e}``.
    """

    kind: Literal["system"]
    changes: dict[str, Any] = {}


class ApiPrice(Spec):
    """An API, by the price list of the price book.

    Args:
        kind: api.
        model: what the API or the catalogue calls it; absent, the model of the scenario.
        provider: whose price counts; absent, the cheapest for this traffic.
        hours: which hours' price counts, where the time of day does: peak or off-peak; absent, the
            dearest.
        batch_share: share of the tokens that may wait, and so have the batch discount.
    """

    kind: Literal["api"]
    model: str | None = None
    provider: str | None = None
    hours: str | None = None
    batch_share: Share = 0.0


class GivenPrice(Spec):
    """Dollars for a million tokens: one price for all, or by what they are.

    Args:
        kind: price.
        usd_per_million_tokens: of any token.
        usd_per_million_input_tokens: of prompt tokens that no cache spares.
        usd_per_million_cached_input_tokens: of those that a cache spares; absent, as any input.
        usd_per_million_output_tokens: of answered tokens.
    """

    kind: Literal["price"]
    usd_per_million_tokens: UsdPerMillion | None = None
    usd_per_million_input_tokens: UsdPerMillion | None = None
    usd_per_million_cached_input_tokens: UsdPerMillion | None = None
    usd_per_million_output_tokens: UsdPerMillion | None = None

    @model_validator(mode="after")
    def _one_price_or_each(self) -> "GivenPrice":
        of_each = (self.usd_per_million_input_tokens, self.usd_per_million_output_tokens)
        is_any = self.usd_per_million_tokens is not None
        has_cached = self.usd_per_million_cached_input_tokens is not None
        if is_any == (None not in of_each) or (is_any and (of_each != (None, None) or has_cached)):
            raise FieldError(
                "a price is one for all tokens, or one of input and one of output",
                remedy="give usd_per_million_tokens, or usd_per_million_input_tokens and "
                "usd_per_million_output_tokens",
            )
        return self


class FlatPrice(Spec):
    """So many dollars a month, whatever the traffic.

    Args:
        kind: flat.
        usd_per_month: what is paid each month.
    """

    kind: Literal["flat"]
    usd_per_month: Money


class PerQuery(Spec):
    """So many dollars for each request, whatever its length.

    Args:
        kind: query.
        usd_per_query: what each request costs.
    """

    kind: Literal["query"]
    usd_per_query: Money


class TimesCheaper(Spec):
    """What the scenario's own server costs, so many times less.

    Args:
        kind: cheaper.
        times: how many times less; below 1 it is dearer.
    """

    kind: Literal["cheaper"]
    times: Annotated[Number, Field(ge=1e-3, le=1e6)]


Server = Annotated[
    OwnSystem | ApiPrice | GivenPrice | FlatPrice | PerQuery | TimesCheaper,
    Field(discriminator="kind"),
]
"""Who answers, and is paid for it."""


class Alternative(Spec):
    """What the bill is set against.

    Args:
        name: what it is called in the answer.
        server: who would answer instead.
    """

    name: Annotated[str, Field(min_length=1, max_length=60)]
    server: Server


class Migration(Spec):
    """From the server of the bill to another one.

    Args:
        to: who answers afterwards.
        begins: the month in which it begins, from 1.
        takes: how long both are paid for.
        overlap: share of the old server's bill that is still paid meanwhile.
        usd: what the work of it costs, once.
        payback: time within which it should have paid for itself; the answer says what the work
            may cost for that.
    """

    to: Server
    begins: Annotated[Whole, Field(ge=1, le=120)] = 1
    takes: Days = 0.0
    overlap: Share = 1.0
    usd: Money = 0.0
    payback: Annotated[float, Unit("seconds", allow_zero=False)] | None = None


class Tier(Spec):
    """One tier of a router.

    Args:
        name: what it is called: edge, commodity, production, premium.
        share: of all queries, those that are sent here first.
        escalates: of the queries that come here, those that it cannot answer and passes on to the
            next tier; both are paid.
        server: who answers here: an own system or a price.
    """

    name: Annotated[str, Field(min_length=1, max_length=60)]
    share: Share
    escalates: Share = 0.0
    server: Server | None = None


class Routing(Spec):
    """Queries over tiers, from the cheapest to the best, under a budget for a query.

    Args:
        budget_usd_per_query: what a query may cost.
        tiers: in the order in which queries climb.
    """

    budget_usd_per_query: (
        Annotated[Money, Flag(help="What a query may cost, over tiers.")] | None
    ) = None
    tiers: Annotated[list[Tier], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _flows(self) -> "Routing":
        names = [tier.name for tier in self.tiers]
        for name in names:
            if names.count(name) > 1:
                raise FieldError(f"two tiers are called {name}", remedy="give each its own name")
        for tier in self.tiers:
            if tier.server is None:
                raise FieldError(
                    f"the tier {tier.name} has neither a system nor a price",
                    remedy="add server, as in {kind: api, model: gpt-oss-120b} or {kind: system}",
                )
        total = sum(tier.share for tier in self.tiers)
        if abs(total - 1.0) > 1e-9:
            raise FieldError(
                f"the shares of the tiers sum to {total:.6g}, not to 1",
                remedy=f"make them sum to 1, or to 100 %: {', '.join(names)}",
            )
        if self.tiers[-1].escalates:
            raise FieldError(
                f"{names[-1]} is the last tier, and has none to escalate to",
                remedy="leave out its escalates, or add a tier",
            )
        return self


class GivenSuccess(Spec):
    """The share of queries that are solved, as it was measured.

    Args:
        kind: given.
        solved: share of queries with a right answer among the samples that are drawn.
    """

    kind: Literal["given"]
    solved: Annotated[Share, Field(gt=0)]


class Independent(Spec):
    """Samples that succeed independently, each as likely: 1 − (1 − p)^N, the most that is possible.

    Queries differ in difficulty, so that N samples solve fewer than this of a set of them.

    Args:
        kind: independent.
        solved_by_one: share of queries that one sample solves.
    """

    kind: Literal["independent"]
    solved_by_one: Annotated[Share, Field(gt=0)]


class PowerLaw(Spec):
    """Coverage exp(a·N^b) of N samples: the exponentiated power law of arXiv:2407.21787.

    Args:
        kind: power-law.
        a: logarithm of the coverage of one sample; negative.
        b: exponent of the number of samples; negative.
    """

    kind: Literal["power-law"]
    a: Annotated[Number, Field(ge=-100, lt=0)]
    b: Annotated[Number, Field(ge=-10, lt=0)]


Success = Annotated[GivenSuccess | Independent | PowerLaw, Field(discriminator="kind")]


class Sampled(Spec):
    """A model that answers each query with one sample or several.

    Args:
        server: who answers.
        samples: how many answers are drawn; the prompt is paid once.
        success: what share of queries that solves.
        judge: who reads every sample, prompt and answer, and writes one token; absent, nobody is
            paid for choosing among them.
    """

    server: Server
    samples: Annotated[Whole, Field(ge=1, le=1_000_000)] = 1
    success: Success
    judge: Server | None = None


class Sampling(Spec):
    """A small model with many samples against a large one.

    Args:
        small: the small model.
        large: the large one.
    """

    small: Sampled
    large: Sampled


class Bill(Spec):
    """A month's bill, which ``roofsim bill`` writes.

    Args:
        traffic: how much is asked for.
        server: who serves it; absent, the scenario's own system.
        against: what the bill is set against, each with the volume at which both cost the same.
        revenue: what customers pay, for the margin.
        price_changes: changes of prices whose effect is told, as -20 %.
        migration: from the server to another one.
        routing: queries over tiers.
        sampling: a small model with many samples against a large one.
    """

    traffic: Traffic = Field(default_factory=Traffic)
    server: Server | None = None
    against: Annotated[list[Alternative], Field(max_length=20)] = []
    revenue: Server | None = None
    price_changes: Annotated[list[Change], Field(max_length=20)] = []
    migration: Migration | None = None
    routing: Routing | None = None
    sampling: Sampling | None = None

    @model_validator(mode="after")
    def _moves_within_its_months(self) -> "Bill":
        if self.migration is not None and self.migration.begins > self.traffic.months:
            raise FieldError(
                f"the migration begins in month {self.migration.begins} of {self.traffic.months}",
                remedy="let it begin earlier, or count more months (traffic.months)",
            )
        return self
