"""Who asks for what, and when: arrivals, lengths, conversations, or a trace file."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.specs.arrivals import Arrivals, ClosedLoop, Duration, Rate, Share, Start, Users
from simulator.specs.lengths import Length, Tokens, longest
from simulator.specs.quantity import FilePath, Flag, Number, Spec, Whole

Sequences = Annotated[Whole, Field(ge=1, le=1_000_000_000)]
Requests = Annotated[Whole, Field(ge=1, le=10_000_000)]
Seed = Annotated[Whole, Field(ge=0)]
Skew = Annotated[Number, Field(ge=0, le=20)]


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
        start: of the users: phased, each one's first answer is cut at random, as if caught on
            the way; together, the first answers are as long as any.
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
    start: Annotated[Start, Flag()] = "phased"
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


def users_of(workload: Workload) -> int | None:
    """Users of a closed loop; None where requests come at times of their own."""
    if isinstance(workload, ServingPoint):
        return workload.concurrency
    arrivals = workload.arrivals if isinstance(workload, Synthetic) else None
    return arrivals.users if isinstance(arrivals, ClosedLoop) else None


def longest_prompt(workload: Workload) -> int | None:
    """Tokens of the longest prompt that a workload may draw; None where its draws know no end.

    A trace knows it once it is read; conversations grow until their context is full.
    """
    if isinstance(workload, ServingPoint):
        return workload.isl
    if not isinstance(workload, Synthetic) or workload.conversations is not None:
        return None
    shared = workload.shared_prefix
    prompt = longest(workload.input_tokens)
    return None if prompt is None else prompt + (0 if shared is None else shared.tokens)
