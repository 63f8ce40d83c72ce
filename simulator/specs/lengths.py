"""How long prompts, answers and conversations are: a number, or a distribution to draw from."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from simulator.specs.quantity import Number, Spec, Whole

Tokens = Annotated[Whole, Field(ge=1, le=1_000_000_000)]
LengthSpread = Annotated[Number, Field(gt=0, le=100)]


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


def longest(length: Length) -> int | None:
    """Tokens of the longest that may be drawn; None where there is no end."""
    if isinstance(length, Fixed):
        return length.tokens
    if isinstance(length, Empirical):
        return max(length.values)
    return length.high
