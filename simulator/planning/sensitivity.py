"""Which inputs move a figure most: each goes to both ends of its range, the others staying."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from simulator.errors import InputError, nearest, shown
from simulator.planning.inputs import Input, Question, Value, read_input, usual_inputs
from simulator.planning.workers.in_order import made_in_order
from simulator.planning.workers.local import checked_workers
from simulator.simulate.answer import Answer
from simulator.simulate.best import at_load_and_best
from simulator.simulate.figures import AT_BEST, FIGURE
from simulator.simulate.predict import answer
from simulator.simulate.run import simulate
from simulator.specs.scenario import Scenario

_NOTHING = 1e-9
"""Relative change of a figure that is rounding."""


@dataclass(frozen=True, slots=True)
class Swing:
    """What one input does to the figure.

    Args:
        path: the input.
        value: what it is in the question; None where nothing says so.
        low, high: the ends of its range, as they were set.
        range: where that is from.
        at_low, at_high: the figure at either end.
        swing: the most that the figure moves by between the ends and the question's own value.
        has_effect: whether it moves at all.
        monotone: whether the question's own value gives a figure between those of the ends.
    """

    path: str
    value: float | None
    low: Value
    high: Value
    range: str
    at_low: float
    at_high: float
    swing: float
    has_effect: bool
    monotone: bool


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """A figure and what moves it, the strongest input first."""

    scenario: str
    title: str
    figure: str
    value: float
    swings: tuple[Swing, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def sensitivity(
    scenario: Scenario,
    figure: str,
    inputs: Sequence[str] = (),
    *,
    workers: int = -1,
    progress: Callable[[int, int], None] | None = None,
) -> Sensitivity:
    """How ``figure`` moves when each of ``inputs`` goes to the ends of its range.

    ``inputs`` are written as ``--input`` takes them; without any, the usual ones are varied. All
    answers are made in parallel; ``progress`` is called with (answers made, answers in all).

    Raises:
        InputError: an unknown figure or input, a figure that is no number here, or a value that
            an input cannot have.
    """
    checked_workers(workers)
    if figure not in FIGURE:
        raise InputError(
            f"unknown figure {shown(figure)}", field="figure", remedy=nearest(figure, FIGURE)
        )
    question = Question.of(scenario)
    chosen = [read_input(text, question) for text in inputs] or usual_inputs(question)
    paths = [each.path for each in chosen]
    for path in paths:
        if paths.count(path) > 1:
            raise InputError(f"{path} is varied twice", file="--input", remedy="name it once")
    jobs, notes = [(scenario, figure)], []
    varied: list[Input] = []
    for each in chosen:
        try:
            ends = [question.changed(each, end) for end in (each.low, each.high)]
        except InputError as error:
            if each.asked:
                raise
            notes.append(f"{each.path} is left out: {error.problem}")
            continue
        varied.append(each)
        jobs += [(end, figure) for end in ends]
    made = made_in_order(_figure, jobs, workers, progress)
    base = made[0]
    if isinstance(base, InputError):
        raise base
    swings = []
    for number, each in enumerate(varied):
        pair = made[1 + 2 * number : 3 + 2 * number]
        failed = next((end for end in pair if isinstance(end, InputError)), None)
        if failed is not None and each.asked:
            raise InputError(
                f"{each.path} cannot go so far: {failed.problem}",
                file=f"--input {each.path}",
                field=failed.field,
                remedy=failed.remedy,
            )
        if failed is not None:
            notes.append(f"{each.path} is left out: {failed.problem}")
            continue
        low, high = (end for end in pair if not isinstance(end, InputError))
        swings.append(_swing(each, base, low, high))
    swings.sort(key=lambda swing: -swing.swing)
    notes += _remarks(swings)
    title = scenario.title or scenario.name
    return Sensitivity(scenario.name, title, figure, base, tuple(swings), tuple(notes))


def _figure(job: tuple[Scenario, str]) -> float | InputError:
    """The figure of one scenario; a refusal is handed back, for whoever knows what was varied."""
    scenario, figure = job
    try:
        found = _answered(scenario, figure)
    except InputError as error:
        return error
    value = found.figures.get(figure)
    if isinstance(value, bool) or not isinstance(value, int | float):
        known = [
            key
            for key, each in found.figures.items()
            if isinstance(each, int | float) and not isinstance(each, bool) and key in FIGURE
        ]
        return InputError(
            f"{figure} is no number here",
            field="figure",
            remedy=nearest(figure, known),
        )
    return float(value)


def _answered(scenario: Scenario, figure: str) -> Answer:
    if scenario.is_step:
        return answer(scenario)
    return at_load_and_best(scenario) if figure in _OF_BEST else simulate(scenario)


_OF_BEST = {*AT_BEST, "best_users", "capacity_fraction"}
"""Figures that take a search for the most load."""


def _swing(one: Input, base: float, low: float, high: float) -> Swing:
    swing = max(base, low, high) - min(base, low, high)
    return Swing(
        one.path,
        one.value,
        one.low,
        one.high,
        one.range,
        low,
        high,
        swing,
        swing > _NOTHING * abs(base),
        min(low, high) <= base <= max(low, high),
    )


def _remarks(swings: Sequence[Swing]) -> list[str]:
    found = []
    still = [swing.path for swing in swings if not swing.has_effect]
    if still:
        found.append(f"without effect on it: {', '.join(still)}")
    found += [
        f"{swing.path}: both ends lie on the same side of the question's own value, so that the "
        "figure turns between them"
        for swing in swings
        if swing.has_effect and not swing.monotone
    ]
    return found
