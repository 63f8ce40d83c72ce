"""Who asks for what, and when: arrivals, lengths, conversations, or a trace file."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from simulator.specs.quantity import FilePath, Flag, Number, Spec, Unit, Whole

Rate = Annotated[float, Unit("ops/s", allow_zero=False, low=1e-6, high=1e9)]
Duration = Annotated[float, Unit("seconds", high=1e9)]
Period = Annotated[float, Unit("seconds", allow_zero=False, low=1e-6, high=1e9)]
Tokens = Annotated[Whole, Field(ge=1, le=1_000_000_000)]
Sequences = Annotated[Whole, Field(ge=1, le=1_000_000_000)]
Requests = Annotated[Whole, Field(ge=1, le=10_000_000)]
Users = Annotated[Whole, Field(ge=1, le=1_000_000)]
Seed = Annotated[Whole, Field(ge=0)]
Skew = Annotated[Number, Field(ge=0, le=20)]
GapSpread = Annotated[Number, Field(ge=0.01, le=20)]
LengthSpread = Annotated[Number, Field(gt=0, le=100)]
Share = Annotated[Number, Field(ge=0, le=1)]


class Fixed(Spec):
    """Every request has this length; a bare number means the same.

    Args:
        kind: fixed.
        tokens: the length in tokens; of conversations, the number of turns.
    """

    kind: Literal["fixed"] = "fixed"
    tokens: Tokens


class Uniform(Spec):
    """Lengths drawn evenly from ``low`` to ``high``, both included.

    Args:
        kind: uniform.
        low: the shortest, in tokens.
        high: the longest, in tokens.
    """

    kind: Literal["uniform"]
    low: Tokens
    high: Tokens

    @model_validator(mode="after")
    def _ordered(self) -> "Uniform":
        if self.high < self.low:
            raise ValueError(f"high ({self.high}) is below low ({self.low})")
        return self


class Lognormal(Spec):
    """Lognormal lengths given by mean and coefficient of variation, cut to [low, high].

    Args:
        kind: lognormal.
        mean: mean length in tokens, before the cut.
        cv: standard deviation over mean, before the cut.
        low: shorter ones become this long, in tokens.
        high: longer ones become this long, in tokens; absent, there is no limit.
    """

    kind: Literal["lognormal"]
    mean: Annotated[Number, Field(gt=0, le=1_000_000_000)]
    cv: LengthSpread
    low: Tokens = 1
    high: Tokens | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "Lognormal":
        if self.high is not None and self.high < self.low:
            raise ValueError(f"high ({self.high}) is below low ({self.low})")
        return self


class Empirical(Spec):
    """Lengths drawn from given values, each equally likely unless ``weights`` are given.

    Args:
        kind: empirical.
        values: lengths in tokens.
        weights: how often each of them comes, in any measure; absent, equally often.
    """

    kind: Literal["empirical"]
    values: Annotated[list[Tokens], Field(min_length=1)]
    weights: list[Annotated[Number, Field(ge=0, le=1e15)]] | None = None

    @model_validator(mode="after")
    def _weights_match(self) -> "Empirical":
        if self.weights is not None and len(self.weights) != len(self.values):
            raise ValueError("weights and values have different lengths")
        if self.weights is not None and sum(self.weights) <= 0:
            raise ValueError("weights sum to zero")
        return self


def _bare_number_is_fixed(raw: object) -> object:
    return raw if isinstance(raw, dict | Spec) else {"kind": "fixed", "tokens": raw}


Length = Annotated[
    Annotated[Fixed | Uniform | Lognormal | Empirical, Field(discriminator="kind")],
    BeforeValidator(_bare_number_is_fixed),
]


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


class ClosedLoop(Spec):
    """Users who each send the next request when the last is answered, after ``think_time``.

    They begin one after the other, evenly over ``ramp_up``.

    Args:
        process: closed-loop.
        users: how many there are, over the whole deployment; each has one request at a time.
        think_time: pause between an answer and the next request.
        ramp_up: time over which the first requests of the users are spread; 0 for all at once.
    """

    process: Literal["closed-loop"]
    users: Users
    think_time: Duration = 0.0
    ramp_up: Duration = 0.0


Arrivals = Annotated[
    Poisson | Constant | Bursty | Ramp | OnOff | Diurnal | ClosedLoop,
    Field(discriminator="process"),
]


class SharedPrefix(Spec):
    """A text before each prompt, as a system prompt is; its tokens come on top of the prompt's.

    Args:
        tokens: length of the text.
        groups: how many different texts there are; a request has one of them.
        skew: Zipf exponent of the texts' popularity; 0 makes them equally popular.
    """

    tokens: Tokens
    groups: Requests = 1
    skew: Skew = 0.0


class Conversations(Spec):
    """Requests are turns; each prompt holds all that was said before in its conversation.

    ``input_tokens`` and ``output_tokens`` of the workload are what a turn adds, and arrivals are
    those of first turns.

    Args:
        turns: how many turns a conversation has, as a number or drawn like a length.
        think_time: mean time from an answer to the next turn (exponential).
        max_context: a conversation ends early when its next prompt and answer would exceed so
            many tokens; absent, it never does.
    """

    turns: Length
    think_time: Duration = 10.0
    max_context: Tokens | None = None


class Synthetic(Spec):
    """Requests drawn from distributions; exactly the same for the same ``seed``.

    Args:
        kind: synthetic; may be left out.
        arrivals: when requests come.
        input_tokens: lengths of the prompts; of conversations, what a turn adds.
        output_tokens: lengths of the answers.
        requests: how many requests there are, turns of conversations counted one by one.
        seed: fixes the random draws; the same seed draws the same requests.
        shared_prefix: a text that prompts have in common; absent, all prompts differ.
        conversations: makes requests the turns of conversations; absent, each stands alone.
    """

    kind: Literal["synthetic"] = "synthetic"
    arrivals: Arrivals
    input_tokens: Length
    output_tokens: Length
    requests: Annotated[Requests, Flag()]
    seed: Annotated[Seed, Flag()] = 0
    shared_prefix: SharedPrefix | None = None
    conversations: Conversations | None = None


TraceColumn = Literal["arrival", "input_tokens", "output_tokens", "session", "priority"]


class Trace(Spec):
    """Requests read from a file; the format is told by the file's content.

    A folder of WEKA sessions is one trace, in which all sessions begin at their own first time.

    Args:
        kind: trace; may be left out where there is a file.
        file: the trace, or a folder of them; taken from the scenario's folder where it lies there.
        time_scale: above 1 stretches the gaps (less load), below 1 squeezes them.
        rate: requests a second on average, to which the gaps are stretched or squeezed instead;
            of files that tell no times (ShareGPT), the rate of Poisson arrivals.
        limit: so many requests from the start; absent, all.
        format: its name (``azure``, ``mooncake``, …); auto tells it from the content.
        columns: for CSV of other tools, which of its columns holds ``arrival``,
            ``input_tokens``, ``output_tokens``, and optionally ``session`` and ``priority``.
        time_unit: unit of that arrival column, where its times are numbers.
        hash_tokens: prompt tokens that one of ``hash_ids`` stands for; absent, as the format has
            it.
        skip_empty: leave out rows without an answer (failed requests) instead of refusing them.
    """

    kind: Literal["trace"]
    file: Annotated[FilePath, Flag(name="trace")]
    time_scale: Annotated[Number, Field(ge=1e-9, le=1e9)] = 1.0
    rate: Rate | None = None
    limit: Requests | None = None
    format: str = "auto"
    columns: dict[TraceColumn, str] = Field(default_factory=dict)
    time_unit: Literal["s", "ms", "us", "ns"] = "s"
    hash_tokens: Tokens | None = None
    skip_empty: bool = False

    @model_validator(mode="after")
    def _scaled_once(self) -> "Trace":
        if self.rate is not None and self.time_scale != 1:
            raise ValueError("rate and time_scale both scale the gaps: give one")
        return self


_PHASE = Flag(name="phase", help="Which point is asked for: decode, prefill or serve.")


class DecodeStep(Spec):
    """One engine step that adds a token to each of ``batch`` sequences.

    Args:
        kind: decode.
        batch: sequences over the whole deployment.
        context: tokens that each of them already holds.
    """

    kind: Annotated[Literal["decode"], _PHASE]
    batch: Annotated[Sequences, Flag()] = 1
    context: Annotated[Tokens, Flag()] = 1024


class Prefill(Spec):
    """The reading of ``batch`` prompts of ``context`` tokens, in steps as the engine cuts them.

    Args:
        kind: prefill.
        batch: prompts over the whole deployment.
        context: tokens of each.
    """

    kind: Annotated[Literal["prefill"], _PHASE]
    batch: Annotated[Sequences, Flag()] = 1
    context: Annotated[Tokens, Flag()] = 1024


class ServingPoint(Spec):
    """One point of a serving benchmark: fixed lengths, and a closed loop or Poisson arrivals.

    Args:
        kind: serve.
        isl: input tokens of a request.
        osl: output tokens of a request.
        concurrency: users over the whole deployment, who each ask again when answered.
        rate: Poisson requests a second, instead of users.
        requests: how many are simulated; absent, ten for each user, or 1,000.
        length_spread: lengths are drawn evenly from (1 − spread) of them upwards.
        distinct_prompts: so many prompts are repeated, as load generators do; absent, all differ.
        seed: fixes the random draws; the same seed draws the same requests.
    """

    kind: Annotated[Literal["serve"], _PHASE]
    isl: Annotated[Tokens, Flag()] = 1024
    osl: Annotated[Tokens, Flag()] = 128
    concurrency: Annotated[Users, Flag()] | None = None
    rate: Annotated[Rate, Flag()] | None = None
    requests: Annotated[Requests, Flag()] | None = None
    length_spread: Annotated[Share, Flag()] = 0.0
    distinct_prompts: Annotated[Requests, Flag()] | None = None
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
