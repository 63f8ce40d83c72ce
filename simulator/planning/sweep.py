"""A space of questions, answered row by row: here or on a cluster, again from where it stopped."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import InputError
from simulator.planning.identity import digest, program, question_key
from simulator.planning.results_file import (
    ResultsFile,
    StoredRow,
    Subject,
    passing_results,
    results_file,
)
from simulator.planning.space import (
    Point,
    Space,
    axes_from_fields,
    sample_from_text,
    space_of,
)
from simulator.planning.workers.backends import crew_of
from simulator.planning.workers.crew import Crew, Lost, made
from simulator.simulate.answer import frame
from simulator.simulate.case_files import in_one_line
from simulator.simulate.figures import AT_LOAD
from simulator.simulate.predict import answer
from simulator.simulate.prediction import Prediction
from simulator.simulate.result import SimulationResult
from simulator.simulate.run import simulate
from simulator.specs.question import changed
from simulator.specs.scenario import Scenario

if TYPE_CHECKING:
    from pandas import DataFrame

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Question:
    """One point of a space, asked.

    Args:
        key: see ``question_key``; the same for points that ask the same.
        point: the values of the swept fields, by path.
        asked: the scenario, or why the point is none.
    """

    key: str
    point: Mapping[str, object]
    asked: Scenario | InputError


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the rows of a sweep.

    Args:
        rows: points of the space.
        found: those whose answer was there already, from before or from a point that asks the same.
        failed: those without an answer; their ``error`` says why. They are asked again when the
            sweep goes on.
    """

    rows: int
    found: int
    failed: int


@dataclass(frozen=True, repr=False)
class SweepResult:
    """The rows of a sweep, in the order of its points.

    Args:
        scenario: what was asked with other values.
        fields: paths of what was swept.
        rows: for each point its values by path, every figure, and ``error``, which is empty
            where there is an answer.
        file: where the rows stand; None where they were not kept.
    """

    scenario: str
    fields: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...] = field(repr=False)
    file: Path | None = None

    @property
    def failed(self) -> int:
        """Rows without an answer."""
        return sum(bool(row["error"]) for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        rows = [dict(row) for row in self.rows]
        return {"scenario": self.scenario, "fields": list(self.fields), "rows": rows}

    def to_frame(self) -> "DataFrame":
        """A pandas DataFrame: a row for each point, a column for each field and figure.

        Raises:
            InputError: pandas is not installed.
        """
        return frame(self.rows)

    def __repr__(self) -> str:
        failed = f", {self.failed} without an answer" if self.failed else ""
        over = ", ".join(self.fields)
        return f"<SweepResult {self.scenario} over {over}: {len(self.rows)} rows{failed}>"


def sweep(
    scenario: Scenario,
    over: Mapping[str, object],
    *,
    sample: str | None = None,
    out: Path | str | None = None,
    backend: str = "local",
    scheduler: str | None = None,
    workers: int = -1,
    progress: Progress | None = None,
) -> SweepResult:
    """Ask ``scenario`` at every point of a space, and set the answers side by side.

    Args:
        scenario: what is asked; of a step or of serving.
        over: fields, by name or path, and their values: a sequence, or a text as ``--over`` of
            the command takes it (``"1,2,4"``, ``"1..64:log:7"``).
        sample: ``"sobol:256"`` or ``"lhs:200"`` draws so many points in place of the grid.
        out: a file that keeps each row as it is found; a sweep that was interrupted goes on from
            there.
        backend, scheduler, workers: where the work is done, see ``crew_of``.
        progress: is called with (rows done, rows in all).

    Raises:
        InputError: values that no row can be asked with, a file of something else, or a cluster
            that is not there. What is wrong with one row alone stands in its ``error``.
    """
    drawn = None if sample is None else sample_from_text(sample)
    space = space_of(axes_from_fields(over), drawn)
    file = None if out is None else Path(out)
    with kept(scenario, space, file) as results:
        with crew_of(backend, workers=workers, scheduler=scheduler) as crew:
            fill(results, scenario, space, crew, progress)
        rows = tuple(rows_of(results, scenario, space))
    return SweepResult(scenario.name, space.paths, rows, file)


def kept(
    scenario: Scenario, space: Space, file: Path | None
) -> AbstractContextManager[ResultsFile]:
    """Where the rows of this sweep are kept: in a file, or in memory.

    Raises:
        InputError: no point of the space can be asked, or the file is not one of this sweep.
    """
    refusals = []
    for question in questions(scenario, space):
        if isinstance(question.asked, Scenario):
            break
        refusals.append(question.asked)
    else:
        raise refusals[0]
    subject = Subject(
        name=scenario.name,
        base=scenario.model_dump_json(exclude_unset=True),
        fields=space.paths,
        columns=columns(),
        program=program(),
    )
    return passing_results(subject) if file is None else results_file(file, subject)


def questions(scenario: Scenario, space: Space) -> Iterator[Question]:
    """Every point of ``space`` as a question, in order."""
    for point in space.points():
        values = {change.path: change.value for change in point}
        try:
            # A device before the what-ifs of it, whatever was written first.
            deepest_last = sorted(point, key=lambda change: change.path.count("."))
            asked: Scenario | InputError = changed(scenario, deepest_last)
        except InputError as error:
            asked = error
        yield Question(_key(scenario, point, asked), values, asked)


def _key(scenario: Scenario, point: Point, asked: Scenario | InputError) -> str:
    if isinstance(asked, Scenario):
        return question_key(asked)
    values = sorted(f"{change.path}={change.value!r}" for change in point)
    return digest("refused", scenario.model_dump_json(), *values)


def fill(
    results: ResultsFile,
    scenario: Scenario,
    space: Space,
    crew: Crew,
    progress: Progress | None = None,
) -> Counts:
    """Answer what ``results`` has no answer to, and keep each row as it comes.

    No question is answered twice, whatever order the workers have and however often the sweep was
    interrupted. ``progress`` is called with (rows done, rows in all).

    Raises:
        InputError: the workers run another program, or are gone; what was finished is kept.
    """
    known = results.answered()
    total, found, failed, done = len(space), 0, 0, 0

    def new() -> Iterator[Question]:
        nonlocal found
        for question in questions(scenario, space):
            if question.key in known:
                found += 1
            else:
                known.add(question.key)
                yield question

    for rows in _finished(new(), crew):
        results.add(rows)
        done += len(rows)
        failed += sum(bool(row.error) for row in rows)
        if progress is not None:
            progress(found + done, total)
    if progress is not None:
        progress(total, total)
    return Counts(total, found, failed)


def rows_of(results: ResultsFile, scenario: Scenario, space: Space) -> Iterator[dict[str, Any]]:
    """Every point with its answer, in order; see ``SweepResult.rows``."""
    known = {row.key: row for row in results.rows()}
    names = [name for name in columns() if name not in space.paths]
    for question in questions(scenario, space):
        row = known[question.key]
        answered = row.answer or {}
        figures = {name: answered.get(name) for name in names}
        yield {**question.point, **figures, "error": row.error}


@cache
def columns() -> tuple[str, ...]:
    """What every row holds beside the swept fields: what it is about, every figure, and notes."""
    about = (*SimulationResult.identity, *Prediction.identity)
    intervals = (f"{f.key}_{end}" for f in AT_LOAD if f.errors for end in ("low", "high"))
    return tuple(dict.fromkeys((*about, *(f.key for f in AT_LOAD), *intervals, "notes")))


_STEPS_AT_ONCE = 20
"""Engine steps of one task: each takes some ten milliseconds, and handing a task over takes one."""


@dataclass(frozen=True, slots=True)
class _Task:
    """Questions for one worker, and the program that is to answer them."""

    program: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class _Foreign:
    """What a worker says whose program is another one."""

    program: str


def _finished(asked: Iterable[Question], crew: Crew) -> Iterator[list[StoredRow]]:
    """The rows of these questions, as they come.

    Raises:
        InputError: a worker runs another program.
    """
    tasks = _tasks(asked)
    while True:
        lost: list[Question] = []
        for batch in made(_answered, tasks, crew):
            rows: list[StoredRow] = []
            for task, outcome in batch:
                if isinstance(outcome, _Foreign):
                    raise InputError(
                        f"a worker runs roofsim {outcome.program}, and this is {task.program}",
                        field="workers",
                        remedy="install the same on all machines; what was finished is kept",
                    )
                if not isinstance(outcome, Lost):
                    rows += outcome
                elif len(task.questions) > 1:
                    lost += task.questions
                else:
                    told = f"{_LOST}: {outcome.reason}"
                    rows += [_without_answer(question, told) for question in task.questions]
            yield rows
        if not lost:
            return
        # One of a lot ends its process: by themselves, the others do not.
        tasks = (_Task(program(), (question,)) for question in lost)


_LOST = "its process ended twice while this was asked, for want of memory perhaps"


def _tasks(asked: Iterable[Question]) -> Iterator[_Task]:
    """Questions in lots that take some time each."""
    lot: list[Question] = []
    for question in asked:
        lot.append(question)
        takes_long = isinstance(question.asked, Scenario) and not question.asked.is_step
        if takes_long or len(lot) == _STEPS_AT_ONCE:
            yield _Task(program(), tuple(lot))
            lot = []
    if lot:
        yield _Task(program(), tuple(lot))


def _answered(task: _Task) -> list[StoredRow] | _Foreign:
    """What a worker makes of a task: a row for each question, whatever happens."""
    if task.program != program():
        return _Foreign(program())
    return [_answer(question) for question in task.questions]


def _answer(question: Question) -> StoredRow:
    if isinstance(question.asked, InputError):
        return _without_answer(question, in_one_line(question.asked))
    try:
        found = answer(question.asked) if question.asked.is_step else simulate(question.asked)
        return StoredRow(question.key, question.point, found.to_dict())
    except Exception as failure:
        return _without_answer(question, in_one_line(failure))


def _without_answer(question: Question, error: str) -> StoredRow:
    return StoredRow(question.key, question.point, error=error)
