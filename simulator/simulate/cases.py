"""Many predictions from a table of cases: one row in, one row out, errors beside their row."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import InputError, nearest
from simulator.simulate.predict import (
    DEPLOYMENT_FLAGS,
    PHASES,
    decode_steps,
    deployment_of,
    finish,
    predict,
    prefill_steps,
)
from simulator.simulate.prediction import Prediction, keys
from simulator.simulate.setup import Setup, resolve_setup
from simulator.specs.scenario import Economics

Case = dict[str, str]

_INTEGERS = frozenset(
    {
        "tp", "pp", "ep", "dp", "cp", "dcp", "devices",
        "max_sequences", "max_batched_tokens", "max_context",
        "batch", "context", "isl", "osl", "concurrency", "requests", "seed",
    }
)  # fmt: skip
_NUMBERS = frozenset({"rate", "memory_fraction", "length_spread"})
_TEXTS = frozenset({"hardware", "model", "phase", "engine", "precision", "kv_precision"})
INPUT_COLUMNS = _INTEGERS | _NUMBERS | _TEXTS


def predict_cases(
    cases: Iterable[Case], economics: Economics | None = None
) -> list[Prediction | InputError]:
    """Predict every case; a case that cannot be answered gives its error instead.

    Cases of one deployment and phase are evaluated together as arrays, which is what makes
    large tables fast. Columns that ``predict`` does not know are ignored.
    """
    money = economics or Economics()
    parsed: list[dict[str, Any] | InputError] = [_parsed(case) for case in cases]
    answers: list[Prediction | InputError | None] = [None] * len(parsed)
    groups: dict[tuple[Any, ...], list[tuple[int, dict[str, Any]]]] = {}
    for i, case in enumerate(parsed):
        if isinstance(case, InputError):
            answers[i] = case
        elif case["phase"] == "serve":
            answers[i] = _served(case, money)
        else:
            groups.setdefault(_deployment_key(case), []).append((i, case))
    for rows in groups.values():
        members = [case for _, case in rows]
        for (i, _), answer in zip(rows, _predict_group(members, money), strict=True):
            answers[i] = answer
    return [a for a in answers if a is not None]


def _parsed(case: Case) -> dict[str, Any] | InputError:
    try:
        return parse_case(case)
    except InputError as error:
        return error


def parse_case(case: Case) -> dict[str, Any]:
    """The known columns of a case as numbers and names; empty ones are left to their defaults.

    Raises:
        InputError: no hardware or model, an unknown phase, or a number that is none.
    """
    found: dict[str, Any] = {}
    for name, raw in case.items():
        text = raw.strip() if raw else ""
        if not text or name not in INPUT_COLUMNS:
            continue
        if name in _TEXTS:
            found[name] = text
            continue
        try:
            number = float(text)
        except ValueError:
            raise InputError(f"{text!r} is not a number", field=name) from None
        if not np.isfinite(number) or number < 0:
            raise InputError(f"must be a finite number of at least 0, found {text}", field=name)
        if name in _INTEGERS and number != int(number):
            raise InputError(f"must be a whole number, found {text}", field=name)
        found[name] = int(number) if name in _INTEGERS else number
    for name in ("hardware", "model"):
        if name not in found:
            raise InputError("missing value", field=name, remedy="every case names both")
    phase = found.setdefault("phase", "decode")
    if phase not in PHASES:
        raise InputError(f"unknown phase {phase!r}", field="phase", remedy=nearest(phase, PHASES))
    return found


def _deployment_key(case: dict[str, Any]) -> tuple[Any, ...]:
    names = ("hardware", "model", "phase", *DEPLOYMENT_FLAGS)
    return tuple(case.get(name) for name in names)


def _served(case: dict[str, Any], economics: Economics) -> Prediction | InputError:
    arguments = {k: v for k, v in case.items() if k not in ("batch", "context")}
    try:
        return predict(**arguments, economics=economics)
    except InputError as error:
        return error


def _predict_group(
    cases: list[dict[str, Any]], economics: Economics
) -> list[Prediction | InputError]:
    """Predictions of cases that share deployment and phase."""
    first = cases[0]
    try:
        deployment = deployment_of({k: first.get(k) for k in DEPLOYMENT_FLAGS})
        setup = resolve_setup(first["hardware"], first["model"], deployment)
    except InputError as error:
        return [error] * len(cases)
    batch = np.array([float(max(c.get("batch", 1), 1)) for c in cases])
    context = np.array([float(max(c.get("context", 1024), 1)) for c in cases])
    step = decode_steps if first["phase"] == "decode" else prefill_steps
    try:
        figures = step(setup, batch, context)
    except InputError as error:
        if len(cases) == 1:
            return [error]
        # One row too large must not cost the others their answer.
        return [_predict_group([case], economics)[0] for case in cases]
    return _finish_rows(setup, economics, first["phase"], figures, len(cases))


def _finish_rows(
    setup: Setup, economics: Economics, phase: str, figures: dict[str, np.ndarray], rows: int
) -> list[Prediction | InputError]:
    return [
        finish(setup, economics, phase, {k: v[i] for k, v in figures.items()}) for i in range(rows)
    ]


def read_cases(path: Path) -> tuple[list[str], list[Case]]:
    """Column names and rows of a CSV file of cases.

    Raises:
        InputError: unreadable, empty, or without the columns that every case needs.
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
    return columns, rows


def answered_rows(
    columns: list[str], cases: list[Case], answers: list[Prediction | InputError]
) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """Column names and rows of the output: the cases' own columns, the answers', and ``error``."""
    result_columns = [k for k in keys() if k not in columns]
    header = [*columns, *result_columns, "error"]

    def rows() -> Iterator[dict[str, Any]]:
        for case, answer in zip(cases, answers, strict=True):
            if isinstance(answer, InputError):
                yield {**case, "error": " ".join(str(answer).split())}
            else:
                yield {**answer.to_dict(), **{k: v for k, v in case.items() if v}, "error": ""}

    return header, rows()
