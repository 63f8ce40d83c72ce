"""When requests come: at a rate that may change, or from users who wait for their answers."""

from typing import Annotated, Literal

from pydantic import Field

from simulator.specs.quantity import Number, Spec, Unit, Whole

Rate = Annotated[float, Unit("ops/s", allow_zero=False, low=1e-6, high=1e9)]
Duration = Annotated[float, Unit("seconds", high=1e9)]
Period = Annotated[float, Unit("seconds", allow_zero=False, low=1e-6, high=1e9)]
Users = Annotated[Whole, Field(ge=1, le=1_000_000)]
GapSpread = Annotated[Number, Field(ge=0.01, le=20)]
Share = Annotated[Number, Field(ge=0, le=1)]


class Poisson(Spec):
    """Independent arrivals at ``rate`` requests a second.

    Args:
        process: poisson.
        rate: requests a second.
    """

    process: Literal["poisson"]
    rate: Rate


class Constant(Spec):
    """One arrival every 1/``rate`` seconds.

    Args:
        process: constant.
        rate: requests a second.
    """

    process: Literal["constant"]
    rate: Rate


class Bursty(Spec):
    """Gamma or Weibull gaps: ``cv`` above 1 clusters arrivals, below 1 evens them out.

    Args:
        process: gamma or weibull, the distribution of the gaps between arrivals.
        rate: requests a second on average.
        cv: standard deviation of the gaps over their mean; 1 is as poisson.
    """

    process: Literal["gamma", "weibull"]
    rate: Rate
    cv: GapSpread


class Ramp(Spec):
    """Poisson arrivals whose rate goes from ``rate`` to ``to_rate`` over ``over``, then stays.

    Args:
        process: ramp.
        rate: requests a second at the start.
        to_rate: requests a second at the end of the ramp and after it.
        over: how long the ramp takes.
    """

    process: Literal["ramp"]
    rate: Rate
    to_rate: Rate
    over: Period


class OnOff(Spec):
    """Poisson arrivals at ``rate`` for the time ``on``, then at ``off_rate`` for ``off``, …

    Args:
        process: on-off.
        rate: requests a second while on.
        on: how long each busy time lasts.
        off: how long each quiet time lasts.
        off_rate: requests a second while off; 0 for none.
    """

    process: Literal["on-off"]
    rate: Rate
    on: Period
    off: Period
    off_rate: Annotated[float, Unit("ops/s", high=1e9)] = 0.0


class Diurnal(Spec):
    """Poisson arrivals around a mean ``rate``, up and down by ``swing`` of it each ``period``.

    Args:
        process: diurnal.
        rate: requests a second on average over a period.
        swing: how far the rate goes up and down, as a share of the mean.
        period: time from one low to the next; the workload begins at a low.
    """

    process: Literal["diurnal"]
    rate: Rate
    swing: Share = 0.5
    period: Period = 86400.0


Start = Literal["phased", "together"]
"""How far the users of a closed loop are with their first answers."""


class ClosedLoop(Spec):
    """Users who each send the next request when the last is answered, after ``think_time``.

    They begin one after the other, evenly over ``ramp_up``. With lengths that are all alike, users
    who all began at once would march in lock-step for ever, which no real traffic does.

    Args:
        process: closed-loop.
        users: how many there are, over the whole deployment; each has one request at a time.
        think_time: pause between an answer and the next request.
        ramp_up: time over which the first requests of the users are spread; 0 for all at once.
        start: phased, each user's first answer is cut at random, as if caught on the way;
            together, the first answers are as long as any.
    """

    process: Literal["closed-loop"]
    users: Users
    think_time: Duration = 0.0
    ramp_up: Duration = 0.0
    start: Start = "phased"


Arrivals = Annotated[
    Poisson | Constant | Bursty | Ramp | OnOff | Diurnal | ClosedLoop,
    Field(discriminator="process"),
]
