"""Who asks for what, and when: arrivals, lengths, conversations, or a trace file."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from simulator.specs.quantity import Flag, Spec, Unit

Rate = Annotated[float, Unit("ops/s"), Field(gt=0)]
Duration = Annotated[float, Unit("seconds")]
Period = Annotated[float, Unit("seconds"), Field(gt=0)]
Tokens = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]


class Fixed(Spec):
    """Every request has this length."""

    kind: Literal["fixed"] = "fixed"
    tokens: Tokens


class Uniform(Spec):
    """Lengths drawn evenly from ``low`` to ``high``, both included."""

    kind: Literal["uniform"]
    low: Tokens
    high: Tokens

    @model_validator(mode="after")
    def _ordered(self) -> "Uniform":
        if self.high < self.low:
            raise ValueError("high is below low")
        return self


class Lognormal(Spec):
    """Lognormal lengths given by mean and coefficient of variation, cut to [low, high]."""

    kind: Literal["lognormal"]
    mean: Annotated[float, Field(gt=0)]
    cv: Annotated[float, Field(gt=0)]
    low: Tokens = 1
    high: Tokens | None = None


class Empirical(Spec):
    """Lengths drawn from given values, each equally likely unless ``weights`` are given."""

    kind: Literal["empirical"]
    values: Annotated[list[Tokens], Field(min_length=1)]
    weights: list[Annotated[float, Field(ge=0)]] | None = None

    @model_validator(mode="after")
    def _weights_match(self) -> "Empirical":
        if self.weights is not None and len(self.weights) != len(self.values):
            raise ValueError("weights and values have different lengths")
        if self.weights is not None and sum(self.weights) <= 0:
            raise ValueError("weights sum to zero")
        return self


def _bare_number_is_fixed(raw: object) -> object:
    return {"kind": "fixed", "tokens": raw} if isinstance(raw, int | float | str) else raw


Length = Annotated[
    Annotated[Fixed | Uniform | Lognormal | Empirical, Field(discriminator="kind")],
    BeforeValidator(_bare_number_is_fixed),
]


class Poisson(Spec):
    """Independent arrivals at ``rate`` requests a second."""

    process: Literal["poisson"]
    rate: Rate


class Constant(Spec):
    """One arrival every 1/``rate`` seconds."""

    process: Literal["constant"]
    rate: Rate


class Bursty(Spec):
    """Gamma or Weibull gaps: ``cv`` above 1 clusters arrivals, below 1 evens them out."""

    process: Literal["gamma", "weibull"]
    rate: Rate
    cv: Annotated[float, Field(gt=0)]


class Ramp(Spec):
    """Poisson arrivals whose rate goes from ``rate`` to ``to_rate`` over ``over``, then stays."""

    process: Literal["ramp"]
    rate: Rate
    to_rate: Rate
    over: Period


class OnOff(Spec):
    """Poisson arrivals at ``rate`` for the time ``on``, then at ``off_rate`` for ``off``, …"""

    process: Literal["on-off"]
    rate: Rate
    on: Period
    off: Period
    off_rate: Annotated[float, Unit("ops/s"), Field(ge=0)] = 0.0


class Diurnal(Spec):
    """Poisson arrivals around a mean ``rate``, up and down by ``swing`` of it each ``period``."""

    process: Literal["diurnal"]
    rate: Rate
    swing: Annotated[float, Field(ge=0, le=1)] = 0.5
    period: Period = 86400.0


class ClosedLoop(Spec):
    """``users`` who each send the next request when the last is answered, after ``think_time``.

    They begin one after the other, evenly over ``ramp_up``.
    """

    process: Literal["closed-loop"]
    users: Annotated[int, Field(ge=1)]
    think_time: Duration = 0.0
    ramp_up: Duration = 0.0


Arrivals = Annotated[
    Poisson | Constant | Bursty | Ramp | OnOff | Diurnal | ClosedLoop,
    Field(discriminator="process"),
]


class SharedPrefix(Spec):
    """A text of ``tokens`` before each prompt, one of ``groups``; its tokens are extra.

    ``skew`` is the Zipf exponent of the groups' popularity; 0 makes them equally popular.
    """

    tokens: Tokens
    groups: Annotated[int, Field(ge=1)] = 1
    skew: Annotated[float, Field(ge=0)] = 0.0


class Conversations(Spec):
    """Requests are turns; each prompt holds all that was said before in its conversation.

    ``input_tokens`` and ``output_tokens`` of the workload are what a turn adds. A turn comes
    ``think_time`` on average after the last answer (exponential), arrivals are those of first
    turns, and a conversation ends early when the next prompt would exceed ``max_context``.
    """

    turns: Length
    think_time: Duration = 10.0
    max_context: Tokens | None = None


class Synthetic(Spec):
    """Requests drawn from distributions; exactly the same for the same ``seed``.

    Args:
        arrivals: when requests come.
        input_tokens: lengths of the prompts.
        output_tokens: lengths of the answers.
        requests: how many there are.
        seed: of all that is drawn.
        shared_prefix: a text that prompts have in common.
        conversations: makes requests the turns of conversations.
    """

    kind: Literal["synthetic"] = "synthetic"
    arrivals: Arrivals
    input_tokens: Length
    output_tokens: Length
    requests: Annotated[Count, Flag()]
    seed: Annotated[Seed, Flag()] = 0
    shared_prefix: SharedPrefix | None = None
    conversations: Conversations | None = None


TraceColumn = Literal["arrival", "input_tokens", "output_tokens", "session", "priority"]


class Trace(Spec):
    """Requests read from a file; the format is told by the file's content.

    A folder of WEKA sessions is one trace, in which all sessions begin at their own first time.

    Args:
        file: the trace; what it is is told by its content.
        time_scale: above 1 stretches the gaps (less load), below 1 squeezes them.
        limit: so many requests from the start.
        format: its name (``azure``, ``mooncake``, …) where the content should not decide.
        columns: for CSV of other tools, which of its columns holds ``arrival``,
            ``input_tokens``, ``output_tokens``, and optionally ``session`` and ``priority``.
        time_unit: of that arrival column.
        hash_tokens: prompt tokens that one of ``hash_ids`` stands for.
        skip_empty: leave out rows without an answer (failed requests) instead of refusing them.
    """

    kind: Literal["trace"]
    file: Annotated[Path, Flag(name="trace")]
    time_scale: Annotated[float, Field(gt=0)] = 1.0
    limit: Annotated[int, Field(ge=1)] | None = None
    format: str = "auto"
    columns: dict[TraceColumn, str] = Field(default_factory=dict)
    time_unit: Literal["s", "ms", "us", "ns"] = "s"
    hash_tokens: Tokens | None = None
    skip_empty: bool = False


class DecodeStep(Spec):
    """One engine step that adds a token to each of ``batch`` sequences.

    Args:
        batch: sequences over the whole deployment.
        context: tokens that each of them already holds.
    """

    kind: Annotated[Literal["decode"], Flag(name="phase")]
    batch: Annotated[Count, Flag()] = 1
    context: Annotated[Tokens, Flag()] = 1024


class Prefill(Spec):
    """The reading of ``batch`` prompts of ``context`` tokens, in steps as the engine cuts them.

    Args:
        batch: prompts over the whole deployment.
        context: tokens of each.
    """

    kind: Annotated[Literal["prefill"], Flag(name="phase")]
    batch: Annotated[Count, Flag()] = 1
    context: Annotated[Tokens, Flag()] = 1024


class ServingPoint(Spec):
    """One point of a serving benchmark: fixed lengths, and a closed loop or Poisson arrivals.

    Args:
        isl: input tokens of a request.
        osl: output tokens of a request.
        concurrency: users over the whole deployment, who each ask again when answered.
        rate: Poisson requests a second, instead of users.
        requests: how many are simulated; absent, ten for each user, or 1,000.
        length_spread: lengths are drawn evenly from (1 − spread) of them upwards.
        distinct_prompts: so many prompts are repeated, as load generators do; absent, all differ.
        seed: of what is drawn.
    """

    kind: Annotated[Literal["serve"], Flag(name="phase")]
    isl: Annotated[Tokens, Flag()] = 1024
    osl: Annotated[Tokens, Flag()] = 128
    concurrency: Annotated[Count, Flag()] | None = None
    rate: Annotated[Rate, Flag()] | None = None
    requests: Annotated[Count, Flag()] | None = None
    length_spread: Annotated[float, Field(ge=0, le=1), Flag()] = 0.0
    distinct_prompts: Annotated[Count, Flag()] | None = None
    seed: Annotated[Seed, Flag()] = 0

    @model_validator(mode="after")
    def _one_load(self) -> "ServingPoint":
        if (self.concurrency is None) == (self.rate is None):
            raise ValueError(
                "serving needs a load: give concurrency (users in a closed loop) or rate "
                "(Poisson requests a second), one of the two"
            )
        return self


Point = DecodeStep | Prefill | ServingPoint
"""Workloads that ask for one number rather than for a run."""

Workload = Annotated[
    Synthetic | Trace | DecodeStep | Prefill | ServingPoint, Field(discriminator="kind")
]
