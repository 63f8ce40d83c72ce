"""Many predictions from a table of cases: one row in, one row out, errors beside their row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.errors import InputError
from simulator.simulate.cluster import resolve
from simulator.simulate.point import answerable
from simulator.simulate.predict import STEPS, Steps, answer, beside, stepping
from simulator.simulate.prediction import steps_predicted
from simulator.simulate.replica import Replica
from simulator.specs.question import PREDICT, Change, ask, from_fields
from simulator.specs.scenario import Scenario
from simulator.specs.workload import DecodeStep, Prefill

Case = Mapping[str, Any]
Answer = dict[str, Any] | Exception
"""A row of figures; why the row cannot be answered; or how the program failed at it."""


def predict_cases(
    cases: Iterable[Case | InputError], changes: Iterable[Change] = ()
) -> list[Answer]:
    """Predict every case: a row as ``Prediction.to_dict`` gives it, or why there is none.

    Cases hold flags or paths and their values, or already say why they ask nothing; ``changes``
    come before them. Steps of one deployment are evaluated together as arrays, which is what
    makes large tables fast. Whatever is wrong with one row, the others are answered.
    """
    schema = _Schema(tuple(changes))
    asked = [each if isinstance(each, InputError) else schema.asked(each) for each in cases]
    answers: list[Answer | None] = [None] * len(asked)
    groups: dict[int, list[int]] = {}
    for i, question in enumerate(asked):
        if isinstance(question, InputError):
            answers[i] = question
        elif question.scenario.is_step:
            groups.setdefault(id(question.scenario), []).append(i)
        else:
            answers[i] = _served(question.scenario)
    for rows in groups.values():
        members = [q for i in rows if isinstance(q := asked[i], _Question)]
        for i, found in zip(rows, _steps_one_by_one(members), strict=True):
            answers[i] = found
    return [a for a in answers if a is not None]


@dataclass(frozen=True, slots=True)
class _Question:
    """A row: what it has in common with others, and the size of its own step."""

    scenario: Scenario
    batch: int = 1
    context: int = 1


class _Schema:
    """Checks rows. What many rows say alike is checked once."""

    def __init__(self, before: tuple[Change, ...]) -> None:
        self._before = before
        self._named = {change.path for change in before}
        self._scenarios: dict[tuple[tuple[str, str], ...], Scenario | InputError] = {}
        self._sizes: dict[tuple[type, str, str], int | InputError] = {}

    def asked(self, case: Case) -> _Question | InputError:
        """The question of one row, or why it is none."""
        given = {name: value for name, value in case.items() if value is not None and value != ""}
        batch, context = given.pop("batch", None), given.pop("context", None)
        # Texts tell apart what is equal and yet not the same: 1, 1.0 and true.
        key = tuple((name, repr(value)) for name, value in given.items())
        scenario = self._scenarios.get(key)
        if scenario is None:
            scenario = self._scenarios[key] = self._scenario(given)
        if isinstance(scenario, InputError):
            return scenario
        sizes = []
        for name, value in (("batch", batch), ("context", context)):
            size = self._size(scenario, name, value)
            if isinstance(size, InputError):
                return size
            sizes.append(size)
        return _Question(scenario, *sizes)

    def _scenario(self, given: Mapping[str, Any]) -> Scenario | InputError:
        for name in ("hardware", "model"):
            if name not in given and name not in self._named:
                return InputError(
                    "missing value", file=f"column {name!r}", remedy="every case names both"
                )
        try:
            return ask(PREDICT, [*self._before, *from_fields(given, "column {!r}")])
        except InputError as error:
            return error

    def _size(self, scenario: Scenario, name: str, value: object) -> int | InputError:
        """The batch or context of a row; what the other rows have where it says nothing."""
        point = scenario.workload
        if value is None:
            return int(getattr(point, name, 1))
        key = (type(point), name, repr(value))
        found = self._sizes.get(key)
        if found is None:
            content = {**PREDICT, "hardware": "any", "model": "any"}
            content["workload"] = point.model_dump(exclude_unset=True)
            try:
                sized = ask(content, from_fields({name: value}, "column {!r}"))
                found = int(getattr(sized.workload, name))
            except InputError as error:
                found = error
            self._sizes[key] = found
        return found


def _served(scenario: Scenario) -> Answer:
    try:
        return answer(scenario).to_dict()
    except Exception as failure:
        return failure


def _steps_one_by_one(questions: list[_Question]) -> list[Answer]:
    """``_steps``, where a fault at one of the questions costs the others nothing."""
    try:
        return _steps(questions)
    except Exception as failure:
        if len(questions) == 1:
            return [failure]
    return [found for each in questions for found in _steps_one_by_one([each])]


def _steps(questions: list[_Question]) -> list[Answer]:
    """Answers to questions of one scenario, which differ in the size of their step alone."""
    scenario = questions[0].scenario
    point = scenario.workload
    assert isinstance(point, DecodeStep | Prefill)
    try:
        cluster = resolve(scenario)
    except InputError as error:
        return [error] * len(questions)
    setup = stepping(cluster, point)
    batch = np.array([float(q.batch) for q in questions])
    context = np.array([float(q.context) for q in questions])
    step = STEPS[type(point)]
    good = answerable(setup, point.kind, batch, context)
    answered: list[dict[str, Any]] = []
    if good.any():
        figures: dict[str, Any] = step(setup, batch[good], context[good])
        found = steps_predicted(
            setup, scenario.economics, point.kind, figures, beside(cluster, point)
        )
        answered = found.rows()
    upcoming = iter(answered)
    return [
        next(upcoming) if good[i] else _refusal(setup, step, batch[i : i + 1], context[i : i + 1])
        for i in range(len(questions))
    ]


def _refusal(setup: Replica, step: Steps, batch: np.ndarray, context: np.ndarray) -> InputError:
    """Why one row cannot be answered."""
    try:
        step(setup, batch, context)
    except InputError as error:
        return error
    raise AssertionError("a row was refused that can be answered")
