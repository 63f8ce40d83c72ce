"""What a plan may choose from, what it must keep to, and what it is to make small."""

from typing import Annotated, Literal

from pydantic import Field

from simulator.specs.parallelism import MOST_DEVICES, Degree
from simulator.specs.quantity import Flag, Number, Spec, Unit, Whole
from simulator.specs.speculation import Speculation

Least = Literal["usd", "devices", "watts"]
"""What a plan makes small: dollars a month, devices, or watts."""

Tokens = Annotated[Whole, Field(ge=1, le=1_000_000_000)]


class Plan(Spec):
    """The systems that a plan chooses from, and the limits of the one that it finds.

    What is absent of the choices is as the scenario's deployment has it, but for hardware and tp:
    of these all are tried.

    Args:
        hardware: devices to choose from; absent, every one for data centres that has a price on
            the basis.
        precision: formats of the weights to choose from.
        kv_precision: formats of the cache to choose from.
        engine: engines to choose from.
        tp: degrees of tensor parallelism to choose from; absent, 1, 2, 4, 8, … up to what one
            link joins, at most 16.
        dp: degrees of data-parallel attention to choose from, the experts spread over all ranks.
        speculation: ways to draft tokens to choose from, beside the deployment's own.
        max_batched_tokens: tokens of one step to choose from.
        max_sequences: sequences at once to choose from.
        least: what is made small: usd (a month), devices, or watts.
        peak_to_mean: how much more than the scenario's traffic the plan has to serve at peaks.
        headroom: share of the fleet that stays free beyond that.
        spare: replicas beyond what is needed, for failures and maintenance.
        max_devices: as many devices as there may be.
        max_usd_per_month: the budget.
        max_watts: as much power as there is for the devices.
        stock: devices that are owned, by name and number; with it nothing else is chosen from.
        finalists: systems that are simulated; the bound ranks all others.
    """

    hardware: tuple[str, ...] = ()
    precision: tuple[str, ...] = ()
    kv_precision: tuple[str, ...] = ()
    engine: tuple[str, ...] = ()
    tp: tuple[Degree, ...] = ()
    dp: tuple[Degree, ...] = ()
    speculation: tuple[Speculation, ...] = ()
    max_batched_tokens: tuple[Tokens, ...] = ()
    max_sequences: tuple[Degree, ...] = ()
    least: Annotated[Least, Flag()] = "usd"
    peak_to_mean: Annotated[Number, Field(ge=1, le=1000), Flag()] = 1.0
    headroom: Annotated[Number, Field(ge=0, lt=1), Flag()] = 0.0
    spare: Annotated[Whole, Field(ge=0, le=MOST_DEVICES), Flag()] = 0
    max_devices: Annotated[Degree, Flag()] | None = None
    max_usd_per_month: Annotated[float, Unit("usd", allow_zero=False), Flag()] | None = None
    max_watts: Annotated[float, Unit("watts", allow_zero=False), Flag()] | None = None
    stock: dict[str, Degree] = Field(default_factory=dict)
    finalists: Annotated[Whole, Field(ge=1, le=1000), Flag()] = 8
