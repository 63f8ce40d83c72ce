"""What-if: the same question to several systems, side by side."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from simulator.errors import InputError, nearest, shown
from simulator.planning.system import NoLayoutError, System, system_named
from simulator.planning.workers.in_order import made_in_order
from simulator.planning.workers.local import checked_workers
from simulator.simulate.best import at_load_and_best
from simulator.simulate.case_files import faults, in_one_line
from simulator.simulate.cluster import resolve
from simulator.simulate.comparison import Comparison, Unanswered
from simulator.simulate.result import SimulationResult
from simulator.specs import catalogue
from simulator.specs.deployment import Pool
from simulator.specs.scenario import Scenario
from simulator.specs.what_if import hardware_of, model_of


@dataclass(frozen=True, slots=True)
class _Entry:
    """A system and what it is asked; ``refusal`` says why it cannot be."""

    name: str
    asked: Scenario
    refusal: InputError | None = None


def compare(
    scenario: Scenario | Sequence[Scenario],
    hardware: Sequence[str] = (),
    *,
    relative_to: str | None = None,
    workers: int = -1,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Answer questions, at their load and at best, on several systems, in the order given.

    Args:
        scenario: what is asked; several scenarios may differ in everything.
        hardware: systems that each scenario is put to, see ``system_named``; without any, each
            scenario's own.
        relative_to: the system that others are relative to, by its name; absent, the first.
        workers: processes, -1 for all cores.
        progress: is called with (systems done, systems in all).

    Raises:
        InputError: fewer than two systems, one twice, a name or field that does not exist, workers
            that are no number of processes, or no system with an answer. What one system cannot
            serve is said in its row.
    """
    checked_workers(workers)
    questions = [scenario] if isinstance(scenario, Scenario) else list(scenario)
    systems = list(_entries(questions, hardware))
    _check(systems, relative_to)
    able = [system.asked for system in systems if system.refusal is None]
    answers = iter(made_in_order(_simulated, able, workers, progress))
    outcomes = [system.refusal or next(answers) for system in systems]
    return _compared(systems, outcomes, relative_to)


def _entries(questions: Sequence[Scenario], hardware: Sequence[str]) -> Iterator[_Entry]:
    """Every question on every system, with the reason where one cannot serve it.

    Raises:
        InputError: a name or field that does not exist.
    """
    for question in questions:
        of_several = f"{question.name}: " if len(questions) > 1 else ""
        if not hardware:
            yield _entry(System.of(question).name, question)
        for text in hardware:
            yield _named(text, question, of_several)


def _named(text: str, question: Scenario, prefix: str) -> _Entry:
    try:
        return _entry(f"{prefix}{text}", system_named(text, question).serving(question))
    except NoLayoutError as refusal:
        return _Entry(f"{prefix}{text}", question, refusal)


def _entry(name: str, asked: Scenario) -> _Entry:
    # What does not exist is a slip of the pen; what does not fit is an answer.
    hardware_of(asked.hardware), model_of(asked.model)
    for deployment in (asked.deployment, *asked.deployment.pools.values()):
        catalogue.engine_profile(deployment.engine)
        if isinstance(deployment, Pool) and deployment.hardware is not None:
            hardware_of(deployment.hardware)
    try:
        resolve(asked)
    except InputError as refusal:
        return _Entry(name, asked, refusal)
    return _Entry(name, asked)


def _check(systems: Sequence[_Entry], relative_to: str | None) -> None:
    """Refuse what is no comparison.

    Raises:
        InputError: see ``compare``.
    """
    names = [system.name for system in systems]
    if len(names) < 2:
        raise InputError(
            "a comparison needs at least two systems",
            field="hardware",
            remedy="separate names by commas: --hardware h100-sxm,h200-sxm, or name more scenarios",
        )
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise InputError(
            f"{twice[0]} is named twice", field="hardware", remedy="leave out one of the two"
        )
    if relative_to is not None and relative_to not in names:
        raise InputError(
            f"none of the systems is called {shown(relative_to)}",
            file="--relative-to",
            remedy=nearest(relative_to, names),
        )


def _compared(
    systems: Sequence[_Entry],
    outcomes: Sequence[SimulationResult | Exception],
    relative_to: str | None,
) -> Comparison:
    """The outcomes side by side, that of ``relative_to`` first where it has an answer.

    Raises:
        InputError: nothing has an answer.
        Exception: the program failed at one.
    """
    pairs = list(zip([system.name for system in systems], outcomes, strict=True))
    found = [(name, r) for name, r in pairs if isinstance(r, SimulationResult)]
    failed = [(name, error) for name, error in pairs if isinstance(error, Exception)]
    for fault in faults(error for _, error in failed):
        raise fault
    unanswered = tuple(Unanswered(name, in_one_line(error)) for name, error in failed)
    if not found:
        reasons = "; ".join(f"{each.system}: {each.reason}" for each in unanswered)
        raise InputError(
            "no system can serve this",
            field="hardware",
            remedy=reasons,
        )
    found.sort(key=lambda pair: pair[0] != relative_to)
    return Comparison(
        tuple(result for _, result in found), tuple(name for name, _ in found), unanswered
    )


def _simulated(asked: Scenario) -> SimulationResult | Exception:
    try:
        return at_load_and_best(asked)
    except Exception as failure:
        return failure
