"""Tokens guessed ahead and verified together: by what method, how many, and how many are right."""

from itertools import pairwise
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from simulator.errors import FieldError, nearest, shown
from simulator.specs.quantity import Flag, Number, Spec, Whole

Method = Literal[
    "mtp", "draft", "eagle", "eagle3", "medusa", "ngram", "suffix", "diffusion"
]  # fmt: skip
METHODS: tuple[str, ...] = get_args(Method)

DEEPEST = 64
"""Four times as deep as any engine drafts."""

Share = Annotated[Number, Field(ge=0, le=1)]
Ways = Annotated[Whole, Field(ge=1, le=64)]


class Speculation(Spec):
    """How a step gives more than one token.

    In short: the method and how deep it drafts, ``eagle3:3``; a draft model by its name,
    ``draft:llama-3.2-1b:5``; ``mtp:3:repeat`` runs the model's own layers more than once.

    Args:
        method: layers of the checkpoint for multi-token prediction (mtp), a smaller model
            (draft), one layer on the model's hidden states (eagle, eagle3), heads without a cache
            (medusa), looking up what followed the same words before (ngram, suffix), or blocks
            of which several tokens settle in each pass (diffusion).
        depth: tokens drafted one after another in a step; of diffusion, the tokens of a block;
            absent, as many as the model has layers for (mtp).
        model: of draft, the smaller model; of eagle and eagle3, one whose layers the head has;
            absent, one layer like the model's own.
        precision: how the weights of what drafts are stored; absent, as the model's.
        repeat: whether mtp runs its last layer again for tokens beyond those it has layers for.
        translate: whether the engine translates tokens between a draft model's vocabulary and
            the model's, where they differ.
        widths: candidates behind each token that is carried on, position by position, which
            makes a tree of what is drafted; absent, one.
        verified: drafted tokens that are verified, the best of the tree; absent, all.
        passes: of diffusion, the passes in which the tokens of a block settle, on average.
        acceptance: the share of drafted tokens that are right when all before them are; a list,
            the share of steps in which everything up to each position is right; or a task of
            which that is published, such as mt-bench.
        up_to: sequences of one data-parallel rank that draft; more of them decode plainly.
        seed: draws how many steps each answer takes; absent, every step gives the expected
            tokens.
    """

    method: Annotated[
        Method,
        Flag(
            name="speculation",
            help="Method and depth of drafted tokens: mtp:3, eagle3:3, draft:MODEL:5, ngram:4, …",
        ),
    ]
    depth: Annotated[Whole, Field(ge=1, le=DEEPEST)] | None = None
    model: str | None = None
    precision: str | None = None
    repeat: bool = False
    translate: bool = False
    widths: Annotated[tuple[Ways, ...], Field(min_length=1, max_length=DEEPEST)] | None = None
    verified: Annotated[Whole, Field(ge=1, le=1024)] | None = None
    passes: Annotated[Number, Field(gt=0, le=DEEPEST)] | None = None
    acceptance: Annotated[Share | tuple[Share, ...] | str, Flag()] | None = None
    up_to: Annotated[Whole, Field(ge=1, le=1_000_000_000)] | None = None
    seed: Annotated[Whole, Field(ge=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _in_short(cls, raw: object) -> object:
        if isinstance(raw, str):
            raw = {"method": raw}
        if not isinstance(raw, dict) or not isinstance(raw.get("method"), str):
            return raw
        method, *rest = raw["method"].split(":")
        if method not in METHODS:
            raise FieldError(
                f"speculation: no method is called {shown(method)}", remedy=nearest(method, METHODS)
            )
        found: dict[str, object] = {"method": method}
        for part in rest:
            if part.isdecimal():
                found["depth"] = int(part)
            elif part == "repeat":
                found["repeat"] = True
            else:
                found["model"] = part
        return {**found, **{name: value for name, value in raw.items() if name != "method"}}

    @field_validator("acceptance", mode="before")
    @classmethod
    def _shares(cls, raw: object) -> object:
        if isinstance(raw, str):
            raw = _numbers_in(raw)
        numbers = raw if isinstance(raw, list | tuple) else [raw]
        for number in numbers:
            if isinstance(number, int | float) and not 0 <= number <= 1:
                raise FieldError(
                    f"acceptance is a share from 0 to 1, found {shown(number)}",
                    remedy="write 0.8 where 80 % of the drafted tokens are right",
                )
        return raw

    @model_validator(mode="after")
    def _settings_have_an_effect(self) -> Self:
        owners = {
            "model": ("draft", "eagle", "eagle3"),
            "precision": ("mtp", "draft", "eagle", "eagle3", "medusa"),
            "repeat": ("mtp",),
            "translate": ("draft",),
            "widths": ("draft", "eagle", "eagle3", "medusa"),
            "verified": ("draft", "eagle", "eagle3", "medusa"),
            "passes": ("diffusion",),
            "acceptance": tuple(m for m in METHODS if m != "diffusion"),
        }
        for name, methods in owners.items():
            if getattr(self, name) not in (None, False) and self.method not in methods:
                raise FieldError(
                    f"{name} means nothing to {self.method}",
                    remedy=f"leave it out; it is of {', '.join(methods)}",
                )
        if self.method == "draft" and self.model is None:
            raise FieldError("draft names no model", remedy="name it, as in draft:llama-3.2-1b:5")
        if self.depth is None and self.method != "mtp":
            raise FieldError(
                f"{self.method} does not say how many tokens it drafts",
                remedy=f"write {self.method}:3",
            )
        if self.method == "diffusion":
            self._check_blocks()
        return self

    def _check_blocks(self) -> None:
        if self.passes is None:
            raise FieldError(
                "diffusion does not say in how many passes a block settles",
                remedy="give passes, such as 8 for a block of 32",
            )
        if self.depth is not None and self.passes > self.depth:
            raise FieldError(
                f"a block of {self.depth} tokens settles in {self.passes:g} passes, less than one "
                "token each",
                remedy=f"give at most {self.depth} passes, or a larger block",
            )

    @model_validator(mode="after")
    def _positions_fall(self) -> Self:
        shares = self.acceptance
        if not isinstance(shares, tuple):
            return self
        for first, then in pairwise(shares):
            if then > first:
                raise FieldError(
                    f"acceptance rises from {first:g} to {then:g}, but a token counts only if all "
                    "before it are right",
                    remedy="give the share of steps in which everything up to each position is "
                    "right, as engines print it; or one rate",
                )
        if self.depth is not None and len(shares) != self.depth:
            raise FieldError(
                f"acceptance has {len(shares)} positions for {self.depth} drafted tokens",
                remedy="give one for each, or one rate",
            )
        return self

    @model_validator(mode="after")
    def _widths_of_each_position(self) -> Self:
        if self.widths is not None and self.depth is not None and len(self.widths) != self.depth:
            raise FieldError(
                f"widths has {len(self.widths)} positions for {self.depth} drafted tokens",
                remedy="give one for each",
            )
        return self


def _numbers_in(text: str) -> object:
    """``0.8`` or ``0.8, 0.6, 0.4`` as numbers; anything else is the name of a task."""
    parts = text.strip().strip("[]").split(",")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return text
    return numbers[0] if len(numbers) == 1 else numbers
