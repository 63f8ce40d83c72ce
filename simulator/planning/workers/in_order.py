"""The same done with each of several things, by processes of this machine, in the order given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from simulator.planning.workers.crew import Lost, made
from simulator.planning.workers.local import checked_workers, local_crew

Given = TypeVar("Given")
Made = TypeVar("Made")


def made_in_order(
    make: Callable[[Given], Made],
    given: Sequence[Given],
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Made]:
    """``make`` of each: the same results for any number of workers.

    ``progress`` is called with (those made, those in all). What one of them fails with is raised.

    Raises:
        InputError: workers that are no number of processes.
    """
    if not given:
        checked_workers(workers)
        return []
    found: dict[int, Made] = {}
    with local_crew(min(checked_workers(workers), len(given))) as crew:
        for batch in made(partial(_tried, make), enumerate(given), crew):
            for (place, _), outcome in batch:
                if isinstance(outcome, Lost):
                    raise RuntimeError(outcome.reason)
                if isinstance(outcome, _Failed):
                    raise outcome.error
                found[place] = outcome
            if progress is not None:
                progress(len(found), len(given))
    return [found[place] for place in range(len(given))]


@dataclass(frozen=True, slots=True)
class _Failed:
    """What was raised, on its way from another process."""

    error: Exception


def _tried(make: Callable[[Given], Made], numbered: tuple[int, Given]) -> Made | _Failed:
    try:
        return make(numbered[1])
    except Exception as failure:
        return _Failed(failure)
