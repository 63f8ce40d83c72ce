"""Many predictions from a table of cases: one row in, one row out, errors beside their row."""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import InputError, nearest
from simulator.simulate.predict import (
    DEPLOYMENT_FLAGS,
    PHASES,
    answerable,
    decode_steps,
    deployment_of,
    predict,
    prefill_steps,
)
from simulator.simulate.prediction import keys, steps_predicted
from simulator.simulate.setup import Setup, resolve_setup
from simulator.specs.scenario import Economics

Case = dict[str, str]

_INTEGERS = frozenset(
    {
        "tp", "pp", "ep", "dp", "cp", "dcp", "devices",
        "max_sequences", "max_batched_tokens", "max_context",
        "batch", "context", "isl", "osl", "concurrency", "requests", "seed",
        "distinct_prompts", "captured_tokens",
    }
)  # fmt: skip
_NUMBERS = frozenset({"rate", "memory_fraction", "length_spread"})
_TEXTS = frozenset({"hardware", "model", "phase", "engine", "precision", "kv_precision"})
INPUT_COLUMNS = _INTEGERS | _NUMBERS | _TEXTS


Answer = dict[str, Any] | InputError


def predict_cases(cases: Iterable[Case], economics: Economics | None = None) -> list[Answer]:
    """Predict every case: a row as ``Prediction.to_dict`` gives it, or why there is none.

    Cases of one deployment and phase are evaluated together as arrays, which is what makes
    large tables fast. Columns that ``predict`` does not know are ignored.
    """
    money = economics or Economics()
    parsed = [_parsed(case) for case in cases]
    answers: list[Answer | None] = [None] * len(parsed)
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


def _served(case: dict[str, Any], economics: Economics) -> Answer:
    arguments = {k: v for k, v in case.items() if k not in ("batch", "context")}
    try:
        return predict(**arguments, economics=economics).to_dict()
    except InputError as error:
        return error


def _predict_group(cases: list[dict[str, Any]], economics: Economics) -> list[Answer]:
    """Answers to cases that share deployment and phase."""
    first = cases[0]
    phase = first["phase"]
    try:
        deployment = deployment_of({k: first.get(k) for k in DEPLOYMENT_FLAGS})
        setup = resolve_setup(first["hardware"], first["model"], deployment)
    except InputError as error:
        return [error] * len(cases)
    batch = np.array([float(max(c.get("batch", 1), 1)) for c in cases])
    context = np.array([float(max(c.get("context", 1024), 1)) for c in cases])
    step = decode_steps if phase == "decode" else prefill_steps
    good = answerable(setup, phase, batch, context)
    answered: list[dict[str, Any]] = []
    if good.any():
        figures: dict[str, Any] = step(setup, batch[good], context[good])
        answered = steps_predicted(setup, economics, phase, figures).rows()
    upcoming = iter(answered)
    return [
        next(upcoming) if good[i] else _refusal(setup, step, batch[i : i + 1], context[i : i + 1])
        for i in range(len(cases))
    ]


def _refusal(
    setup: Setup, step: Callable[..., object], batch: np.ndarray, context: np.ndarray
) -> InputError:
    """Why one row cannot be answered."""
    try:
        step(setup, batch, context)
    except InputError as error:
        return error
    raise AssertionError("a row was refused that can be answered")


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
    columns: list[str], cases: list[Case], answers: list[Answer]
) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """Column names and rows of the output: the cases' own columns, the answers', and ``error``."""
    result_columns = [k for k in keys() if k not in columns]
    header = [*columns, *result_columns, "error"]

    def rows() -> Iterator[dict[str, Any]]:
        for case, answer in zip(cases, answers, strict=True):
            if isinstance(answer, InputError):
                yield {**case, "error": " ".join(str(answer).split())}
            else:
                answer.update({k: v for k, v in case.items() if v}, error="")
                yield answer

    return header, rows()
