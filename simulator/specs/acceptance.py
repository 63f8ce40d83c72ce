"""Published acceptance of drafted tokens, by model, method and task, each with its source."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from simulator.errors import InputError, nearest, shown
from simulator.specs.quantity import Number, Spec, Whole
from simulator.specs.reading import read_mapping, validate
from simulator.specs.speculation import DEEPEST, Method, Share

FILE = Path(__file__).with_name("acceptance.yaml")


class Accepted(Spec):
    """One published row.

    Args:
        models: catalogue names of the models that were measured, or share their text with one.
        method: how was drafted.
        draft: the draft model, where one was.
        task: what the model was asked.
        depth: tokens drafted one after another.
        tree: candidates that were verified, where they were more than ``depth``.
        tokens: tokens a step gave on average, that of the model itself among them.
        positions: the share of steps in which everything up to each position was right; absent
            where only ``tokens`` is published.
        source: a key of the file's ``sources``.
    """

    models: tuple[str, ...]
    method: Method
    draft: str | None = None
    task: str
    depth: Annotated[Whole, Field(ge=1, le=DEEPEST)]
    tree: Annotated[Whole, Field(ge=1, le=1024)] | None = None
    tokens: Annotated[Number, Field(ge=1, le=DEEPEST + 1)] | None = None
    positions: tuple[Share, ...] | None = None
    source: str

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        if (self.tokens is None) == (self.positions is None):
            raise ValueError("give tokens or positions")
        if self.positions is not None and len(self.positions) != self.depth:
            raise ValueError(f"give {self.depth} positions")
        if self.tokens is not None and self.tokens > self.depth + 1:
            raise ValueError(f"a depth of {self.depth} gives at most {self.depth + 1} tokens")
        return self

    @property
    def mean(self) -> float:
        """Tokens of a step on average."""
        return 1.0 + sum(self.positions or ()) if self.tokens is None else self.tokens


class AcceptanceTable(Spec):
    """The file: sources by key, and rows that name them."""

    sources: dict[str, str]
    rows: tuple[Accepted, ...]

    @model_validator(mode="after")
    def _sources_exist(self) -> Self:
        for row in self.rows:
            if row.source not in self.sources:
                raise ValueError(f"no source is called {row.source!r}")
        return self


@cache
def acceptance_table() -> AcceptanceTable:
    """All published rows."""
    return validate(AcceptanceTable, read_mapping(FILE), FILE)


def published(
    method: str, model: str, draft: str | None, task: str | None, depth: int
) -> Accepted | None:
    """The row of a task, model and method whose depth is nearest; None where nobody tells.

    Without a ``task`` any that is there.

    Raises:
        InputError: a task that is published of no such model; says which are.
    """
    rows = [
        row
        for row in acceptance_table().rows
        if row.method == method and model in row.models and row.draft in (None, draft)
    ]
    if task is not None:
        tasks = sorted({row.task for row in rows})
        rows = [row for row in rows if row.task == task]
        if not rows:
            raise InputError(
                f"no acceptance of {method} by {model} is published for {shown(task)}",
                field="deployment.speculation.acceptance",
                remedy=f"{nearest(task, tasks)}; or give a rate, such as 0.7"
                if tasks
                else "give a rate, such as 0.7",
            )
    return min(rows, key=lambda row: abs(row.depth - depth), default=None)


def typical(method: str) -> Sequence[Accepted]:
    """Every published row of a method."""
    return tuple(row for row in acceptance_table().rows if row.method == method)
