"""Who asks for what, and when: arrivals, lengths, or a trace file."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from simulator.specs.quantity import Spec, plain

Rate = Annotated[float, plain("ops/s"), Field(gt=0)]
Duration = Annotated[float, plain("seconds")]
Tokens = Annotated[int, Field(ge=1)]


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


def _bare_number_is_fixed(raw: Any) -> Any:  # noqa: ANN401
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


class ClosedLoop(Spec):
    """``users`` who each send the next request when the last is answered, after ``think_time``."""

    process: Literal["closed-loop"]
    users: Annotated[int, Field(ge=1)]
    think_time: Duration = 0.0


Arrivals = Annotated[
    Poisson | Constant | Bursty | ClosedLoop, Field(discriminator="process")
]


class Synthetic(Spec):
    """Requests drawn from distributions; exactly the same for the same ``seed``."""

    kind: Literal["synthetic"] = "synthetic"
    arrivals: Arrivals
    input_tokens: Length
    output_tokens: Length
    requests: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)] = 0


class Trace(Spec):
    """Requests read from a file; the format is told by the file's content.

    ``time_scale`` above 1 stretches the gaps (less load), below 1 squeezes them.
    """

    kind: Literal["trace"]
    file: Path
    time_scale: Annotated[float, Field(gt=0)] = 1.0
    limit: Annotated[int, Field(ge=1)] | None = None


Workload = Annotated[Synthetic | Trace, Field(discriminator="kind")]
