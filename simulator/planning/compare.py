"""What-if: the same question to several systems, side by side."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from simulator.errors import InputError, nearest, shown
from simulator.planning.system import NoLayoutError, System, system_named
from simulator.planning.workers.crew import Lost, made
from simulator.planning.workers.local import checked_workers, local_crew
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
class Candidate:
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
    systems = list(candidates(questions, hardware))
    _check(systems, relative_to)
    outcomes: dict[int, SimulationResult | Exception] = {
        i: system.refusal for i, system in enumerate(systems) if system.refusal is not None
    }
    todo = [(i, system.asked) for i, system in enumerate(systems) if i not in outcomes]
    with local_crew(max(1, min(checked_workers(workers), len(todo)))) as crew:
        for batch in made(_simulated, todo, crew):
            for (place, _), outcome in batch:
                outcomes[place] = _told(outcome)
            if progress is not None:
                progress(len(outcomes), len(systems))
    return _compared(systems, [outcomes[i] for i in range(len(systems))], relative_to)


def candidates(questions: Sequence[Scenario], hardware: Sequence[str]) -> Iterator[Candidate]:
    """Every question on every system, with the reason where one cannot serve it.

    Raises:
        InputError: a name or field that does not exist.
    """
    for question in questions:
        of_several = f"{question.name}: " if len(questions) > 1 else ""
        if not hardware:
            yield _candidate(System.of(question).name, question)
        for text in hardware:
            yield _named(text, question, of_several)


def _named(text: str, question: Scenario, prefix: str) -> Candidate:
    try:
        return _candidate(f"{prefix}{text}", system_named(text, question).serving(question))
    except NoLayoutError as refusal:
        return Candidate(f"{prefix}{text}", question, refusal)


def _candidate(name: str, asked: Scenario) -> Candidate:
    # What does not exist is a slip of the pen; what does not fit is an answer.
    hardware_of(asked.hardware), model_of(asked.model)
    for deployment in (asked.deployment, *asked.deployment.pools.values()):
        catalogue.engine_profile(deployment.engine)
        if isinstance(deployment, Pool) and deployment.hardware is not None:
            hardware_of(deployment.hardware)
    try:
        resolve(asked)
    except InputError as refusal:
        return Candidate(name, asked, refusal)
    return Candidate(name, asked)


def _check(systems: Sequence[Candidate], relative_to: str | None) -> None:
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
    systems: Sequence[Candidate],
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


def _told(outcome: SimulationResult | Exception | Lost) -> SimulationResult | Exception:
    return RuntimeError(outcome.reason) if isinstance(outcome, Lost) else outcome


def _simulated(numbered: tuple[int, Scenario]) -> SimulationResult | Exception:
    try:
        return at_load_and_best(numbered[1])
    except Exception as failure:
        return failure
