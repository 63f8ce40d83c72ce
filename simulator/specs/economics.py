"""What dollars of a question mean: the basis of prices, whose offers count, and owning costs."""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from simulator.errors import FieldError
from simulator.specs.prices import Term
from simulator.specs.quantity import FilePath, Flag, Number, Spec, Unit

BasisKind = Literal["rental", "owned"]

RentalTerm = Literal[
    "on-demand", "reserved-1y", "reserved-3y", "savings-plan", "spot", "capacity-block",
    "marketplace",
]  # fmt: skip
"""Every term but a purchase."""

RENTAL_TERMS: tuple[RentalTerm, ...] = get_args(RentalTerm)

DEFAULT_TERM: Term = "on-demand"
"""The term of rent where nothing else is asked for; a book of one's own counts whole."""

Money = Annotated[float, Unit("usd")]
Share = Annotated[float, Unit("fraction", high=1.0)]
Weight = Annotated[Number, Field(ge=0, le=1000)]

_RULE_HELP = "How the cost is divided among kinds of tokens: time, marginal or blended."


class Economics(Spec):
    """The one basis on which everything in an answer is priced.

    What is absent of the costs of owning has a default with its source, see ``docs/prices.md``.

    Args:
        basis: rental counts what devices are rented for; owned, what it costs to buy and run them.
        term: which rent counts: on-demand (the default), reserved-1y, reserved-3y, savings-plan,
            spot, capacity-block, marketplace. Of a book of one's own every row counts unless one
            is named.
        percentile: of the prices of all providers, each counted once; 50 is the median.
        provider: whose offers count; absent, everybody's.
        region: where offers count, in the provider's words; absent, everywhere.
        prices: a price book of one's own, YAML or CSV, that counts in place of the catalogue's.
        usd_per_device_hour: a price of one's own for an hour of any device, power included.
        usd_per_kwh: what electricity costs where devices are owned.
        pue: power of the facility over power of the machines in it.
        amortisation_years: years that a machine is used, and over which it is paid off.
        cost_of_capital: interest that the money for a machine has to earn in a year.
        residual_value: what a machine is worth at the end, as a share of its price.
        utilisation: share of the paid hours in which there is work; of rent it counts only if
            it is given, and for terms that are paid whether used or not.
        server_usd: the server around one device: processors, memory, chassis.
        network_usd: one device's share of the network between servers.
        rack_usd_per_kw_month: rent of space, cooling and power supply for a kilowatt.
        server_watts: power of the server around one device that space is provided for.
        host_watts: what the host of one device draws on average beside it: processors, memory,
            adapters, fans; without what its power supplies lose.
        network_watts: one device's share of what switches between servers draw.
        psu_efficiency: power behind the power supplies of a server over power at the plug.
        staff_usd_per_year: people that run one device, in a year.
        rule: how the cost is divided among uncached input, cached input and output tokens: time
            (device time), marginal (prompts pay what they add), blended (by tokens), or that of
            an installed package.
        output_weight: of blended, how many uncached input tokens an output token counts as; 1 if
            absent.
        cached_weight: of blended, how many uncached input tokens a cached one counts as; 1 if
            absent.
        grid_g_per_kwh: grams of CO2 for a kilowatt-hour of the grid; absent, no carbon is counted.
        rack_watts: what one rack may draw; a deployment's servers are counted into such racks.
        site_watts: what all of it may draw, cooling included; more is told.
        success_rate: share of tasks that are solved, for the cost of a solved one; a task is a
            conversation where there are any, otherwise a request.
    """

    basis: Annotated[
        BasisKind, Flag(help="What is counted: rental, or owned (bought and run).")
    ] = "rental"
    term: Annotated[RentalTerm, Flag(help="Which rent counts; on-demand if absent.")] | None = None
    percentile: Annotated[Number, Field(ge=0, le=100)] = 50.0
    provider: str | None = None
    region: str | None = None
    prices: (
        Annotated[
            FilePath, Flag(help="Your own price book, YAML or CSV, instead of the catalogue's.")
        ]
        | None
    ) = None
    usd_per_device_hour: Annotated[float, Unit("usd/hour")] | None = None
    usd_per_kwh: Annotated[float, Unit("usd/kwh")] | None = None
    pue: Annotated[Number, Field(ge=1, le=10)] | None = None
    amortisation_years: Annotated[Number, Field(ge=0.1, le=100)] | None = None
    cost_of_capital: Share | None = None
    residual_value: Share | None = None
    utilisation: Annotated[Share, Field(ge=0.01)] | None = None
    server_usd: Money | None = None
    network_usd: Money | None = None
    rack_usd_per_kw_month: Money | None = None
    server_watts: Annotated[float, Unit("watts")] | None = None
    host_watts: Annotated[float, Unit("watts")] | None = None
    network_watts: Annotated[float, Unit("watts")] | None = None
    psu_efficiency: Annotated[Share, Field(ge=0.1)] | None = None
    staff_usd_per_year: Money | None = None
    rule: Annotated[str, Flag(name="cost_rule", help=_RULE_HELP)] = "time"
    output_weight: Weight | None = None
    cached_weight: Weight | None = None
    grid_g_per_kwh: Annotated[Number, Field(ge=0, le=5000)] | None = None
    rack_watts: Annotated[float, Unit("watts", allow_zero=False)] | None = None
    site_watts: Annotated[float, Unit("watts", allow_zero=False)] | None = None
    success_rate: Annotated[Number, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _weights_are_of_blended(self) -> "Economics":
        given = [n for n in ("output_weight", "cached_weight") if getattr(self, n) is not None]
        if given and self.rule in ("time", "marginal"):
            raise FieldError(
                f"{given[0]} has no effect, as the rule is {self.rule}",
                remedy=f"write rule: blended, or leave out {given[0]}",
            )
        return self

    @model_validator(mode="after")
    def _one_basis(self) -> "Economics":
        chosen = [name for name in ("term", "region") if getattr(self, name) is not None]
        if self.basis == "owned" and chosen:
            raise FieldError(
                f"{chosen[0]} is of rent, and the basis is owned",
                remedy=f"leave out {chosen[0]}, or write basis: rental",
            )
        others = [n for n in ("prices", "provider", "region", "term") if getattr(self, n)]
        if self.usd_per_device_hour is not None and (others or self.basis == "owned"):
            raise FieldError(
                f"usd_per_device_hour stands beside {others[0] if others else 'basis: owned'}",
                remedy="one price for every device, or offers: keep one of the two",
            )
        return self
