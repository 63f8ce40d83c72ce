"""Work shared out to processes, and what becomes of it when one of them ends in the middle."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass
from typing import Protocol, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


class Crew(Protocol):
    """Processes that work."""

    @property
    def window(self) -> int:
        """How many tasks they are handed at a time."""

    def submit(self, make: Callable[[Given], Made], given: Given) -> Future[Made]:
        """Let one of them make something; fails only with the process that does."""

    def check(self) -> None:
        """See that there still is anybody to work.

        Raises:
            InputError: nobody is, and nobody will come.
        """


@dataclass(frozen=True, slots=True)
class Lost:
    """What a process ended in, once among others and once alone.

    Args:
        reason: how that was told.
    """

    reason: str


def made(
    make: Callable[[Given], Made], given: Iterable[Given], crew: Crew
) -> Iterator[list[tuple[Given, Made | Lost]]]:
    """Everything ``given`` with what was made of it, as it comes, in any order.

    Each is handed out once. When a process ends in the middle, whatever was on its way to it is
    made again, one at a time, so that what ends a process for good costs nothing but itself.
    ``make`` tells failures of its own by what it returns.

    Raises:
        InputError: see ``Crew.check``.
    """
    waiting = iter(given)
    running: dict[Future[Made], Given] = {}
    suspects: deque[Given] = deque()
    while True:
        if not suspects:
            for one in waiting:
                running[crew.submit(make, one)] = one
                if len(running) >= crew.window:
                    break
        if not running and suspects:
            suspect = suspects.popleft()
            yield [(suspect, _alone(make, suspect, crew))]
        elif not running:
            return
        else:
            found: list[tuple[Given, Made | Lost]] = []
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                one = running.pop(future)
                if _failure(future) is None:
                    found.append((one, future.result()))
                else:
                    suspects.append(one)
            yield found
            if suspects:
                crew.check()


def _alone(make: Callable[[Given], Made], given: Given, crew: Crew) -> Made | Lost:
    future = crew.submit(make, given)
    failure = _failure(future)
    if failure is None:
        return future.result()
    crew.check()
    return Lost(f"{type(failure).__name__}: {failure}".rstrip(": "))


def _failure(future: Future[Made]) -> BaseException | None:
    """What a task ended in, once it has ended; a crew that is gone cancels what it has."""
    try:
        return future.exception()
    except CancelledError as cancelled:
        return cancelled
