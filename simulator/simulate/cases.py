"""Many predictions from a table of cases: one row in, one row out, errors beside their row."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import InputError, nearest
from simulator.simulate.cluster import resolve
from simulator.simulate.point import answerable
from simulator.simulate.predict import STEPS, Steps, answer, stepping
from simulator.simulate.prediction import keys, steps_predicted
from simulator.simulate.replica import Replica
from simulator.specs.question import PREDICT, Change, ask, flags, from_fields, path_of, paths
from simulator.specs.scenario import Scenario
from simulator.specs.workload import DecodeStep, Prefill, ServingPoint

Case = Mapping[str, Any]
Answer = dict[str, Any] | InputError

_OF_A_STEP = ("batch", "context")
"""Columns in which steps of one deployment differ, to be evaluated together."""


def predict_cases(cases: Iterable[Case], changes: Iterable[Change] = ()) -> list[Answer]:
    """Predict every case: a row as ``Prediction.to_dict`` gives it, or why there is none.

    Cases hold flags or paths and their values; ``changes`` come before them. Steps of one
    deployment are evaluated together as arrays, which is what makes large tables fast.
    """
    before = tuple(changes)
    asked = _Asked(before)
    scenarios = [asked.scenario(case) for case in cases]
    answers: list[Answer | None] = [None] * len(scenarios)
    groups: dict[int, list[int]] = {}
    for i, scenario in enumerate(scenarios):
        if isinstance(scenario, InputError):
            answers[i] = scenario
        elif isinstance(scenario.workload, ServingPoint):
            answers[i] = _served(scenario)
        else:
            groups.setdefault(asked.group(scenario), []).append(i)
    for rows in groups.values():
        members = [s for i in rows if isinstance(s := scenarios[i], Scenario)]
        for i, found in zip(rows, _steps(members), strict=True):
            answers[i] = found
    return [a for a in answers if a is not None]


class _Asked:
    """Rows as scenarios. Rows that differ in the size of a step alone are checked once."""

    def __init__(self, before: tuple[Change, ...]) -> None:
        self._before = before
        self._known: dict[tuple[tuple[str, str], ...], Scenario] = {}
        self._groups: dict[int, int] = {}

    def scenario(self, case: Case) -> Scenario | InputError:
        given = {name: value for name, value in case.items() if value not in (None, "")}
        sizes = {name: given.pop(name) for name in _OF_A_STEP if name in given}
        key = tuple((name, str(value)) for name, value in given.items())
        try:
            for name in ("hardware", "model"):
                if name not in given and not any(c.path == name for c in self._before):
                    raise InputError(
                        "missing value", file=f"column {name!r}", remedy="every case names both"
                    )
            if key not in self._known:
                changes = [*self._before, *from_fields(given, "column {!r}")]
                self._known[key] = ask(PREDICT, changes)
            first = self._known[key]
            if not sizes:
                return self._grouped(first, first)
            return self._grouped(_sized(first, sizes), first)
        except InputError as error:
            return error

    def _grouped(self, scenario: Scenario, first: Scenario) -> Scenario:
        self._groups[id(scenario)] = id(first)
        return scenario

    def group(self, scenario: Scenario) -> int:
        """Equal for scenarios that differ in the size of their step alone."""
        return self._groups[id(scenario)]


def _sized(first: Scenario, given: Mapping[str, Any]) -> Scenario:
    point = first.workload
    # Cells of a file are texts; whole numbers among them are told here, once for all rows alike.
    sizes = {k: int(v) if isinstance(v, str) and v.isdecimal() else v for k, v in given.items()}
    if isinstance(point, DecodeStep | Prefill) and all(
        isinstance(value, int) and not isinstance(value, bool) and value >= 1
        for value in sizes.values()
    ):
        return first.model_copy(update={"workload": point.model_copy(update=dict(sizes))})
    content = {**PREDICT, "hardware": first.hardware, "model": first.model}
    content["workload"] = point.model_dump(exclude_unset=True)
    sized = ask(content, from_fields(sizes, "column {!r}"))
    return first.model_copy(update={"workload": sized.workload})


def _served(scenario: Scenario) -> Answer:
    try:
        return answer(scenario).to_dict()
    except InputError as error:
        return error


def _steps(scenarios: list[Scenario]) -> list[Answer]:
    """Answers to scenarios that differ in the size of their step alone."""
    first = scenarios[0]
    points = [s.workload for s in scenarios if isinstance(s.workload, DecodeStep | Prefill)]
    phase = points[0].kind
    try:
        cluster = resolve(first)
    except InputError as error:
        return [error] * len(scenarios)
    setup = stepping(cluster, points[0])
    batch = np.array([float(p.batch) for p in points])
    context = np.array([float(p.context) for p in points])
    step = STEPS[type(points[0])]
    good = answerable(setup, phase, batch, context)
    answered: list[dict[str, Any]] = []
    if good.any():
        figures: dict[str, Any] = step(setup, batch[good], context[good])
        answered = steps_predicted(setup, first.economics, phase, figures, cluster.what_ifs).rows()
    upcoming = iter(answered)
    return [
        next(upcoming) if good[i] else _refusal(setup, step, batch[i : i + 1], context[i : i + 1])
        for i in range(len(points))
    ]


def _refusal(setup: Replica, step: Steps, batch: np.ndarray, context: np.ndarray) -> InputError:
    """Why one row cannot be answered."""
    try:
        step(setup, batch, context)
    except InputError as error:
        return error
    raise AssertionError("a row was refused that can be answered")


NOTE_PREFIX = "note"
ANSWERED = frozenset({*keys(), "error"})
"""Columns that an answer writes; a case's own texts stand beside them, never in their place."""


def read_cases(path: Path, keep: Iterable[str] = ()) -> tuple[list[str], list[dict[str, str]]]:
    """Column names and rows of a CSV file of cases.

    Columns are flags or paths of a scenario. Others are kept beside the answers only where their
    name begins with ``note`` or stands in ``keep``.

    Raises:
        InputError: unreadable, empty, a column twice, without the columns that every case needs,
            or with one that is no field (suggests the nearest).
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            rows = list(reader)
    except FileNotFoundError:
        raise InputError("no such file", file=path, field="cases") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read: {error}", file=path) from None
    for name in ("hardware", "model"):
        if name not in columns:
            raise InputError(
                f"the column {name!r} is missing",
                file=path,
                field="line 1",
                remedy="the columns are the names of predict's flags: hardware, model, phase, …",
            )
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise InputError(f"the column {twice[0]!r} stands twice", file=path, field="line 1")
    kept = set(keep)
    for name in columns:
        if not _is_kept(name, kept):
            _check_column(name, path)
        elif name in ANSWERED:
            raise InputError(
                f"the column {name!r} is called like one of the answer's",
                file=path,
                field="line 1",
                remedy=f"call it note_{name}",
            )
    return columns, rows


def _check_column(name: str, file: Path) -> None:
    known = paths()
    try:
        path = path_of(name, f"column {name!r}")
        named = path.split(".")[0] in ("hardware", "model") or path in known
    except InputError:
        named = False
    if not named:
        near = nearest(name, [*flags(), *(known if "." in name else ())])
        raise InputError(
            f"the column {name!r} is no field of a case",
            file=file,
            field="line 1",
            remedy=f"{near} To keep it beside the answers, name it --keep {name} or note_{name}",
        )


def _is_kept(name: str, keep: Iterable[str]) -> bool:
    return name.startswith(NOTE_PREFIX) or name in set(keep)


def questions_in(
    rows: Iterable[Mapping[str, str]], keep: Iterable[str] = ()
) -> list[dict[str, str]]:
    """The rows without the columns that are only kept."""
    kept = set(keep)
    return [{k: v for k, v in row.items() if not _is_kept(k, kept)} for row in rows]


def answered_rows(
    columns: list[str], cases: list[dict[str, str]], answers: list[Answer]
) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """Column names and rows of the output: the cases' own columns, the answers', and ``error``."""
    result_columns = [k for k in keys() if k not in columns]
    header = [*columns, *result_columns, "error"]

    def rows() -> Iterator[dict[str, Any]]:
        for case, found in zip(cases, answers, strict=True):
            if isinstance(found, InputError):
                yield {**case, "error": " ".join(str(found).split())}
            else:
                found.update({k: v for k, v in case.items() if v}, error="")
                yield found

    return header, rows()
