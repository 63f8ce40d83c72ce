"""Processes of this machine that work beside this one, and end when it does, however it ends."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future
from contextlib import contextmanager
from typing import Protocol, TypeVar

from simulator.errors import InputError
from simulator.planning.workers.crew import Crew

Given = TypeVar("Given")
Made = TypeVar("Made")

_LOOK_EVERY_S = 0.2


def checked_workers(workers: int) -> int:
    """How many processes are asked for: with -1, one a core.

    Raises:
        InputError: neither a number of processes nor -1.
    """
    if workers < 1 and workers != -1:
        raise InputError(
            f"{workers} processes cannot work",
            field="workers",
            remedy="1 or more, or -1 for all cores",
        )
    if workers == -1:
        from joblib import cpu_count

        return int(cpu_count())
    return workers


@contextmanager
def local_crew(workers: int) -> Iterator[Crew]:
    """So many processes of this machine; this one alone where one is enough.

    Raises:
        InputError: see ``checked_workers``.
    """
    count = checked_workers(workers)
    if count == 1:
        yield _Alone()
        return
    crew = _Processes(count)
    try:
        yield crew
    finally:
        crew.end()


class _Alone:
    """This process, which makes everything itself."""

    window = 1

    def submit(self, make: Callable[[Given], Made], given: Given) -> Future[Made]:
        """See ``Crew``."""
        done: Future[Made] = Future()
        done.set_result(make(given))
        return done

    def check(self) -> None:
        """See ``Crew``."""


class _Pool(Protocol):
    """What this file needs of a pool of processes."""

    def submit(self, make: Callable[[Given], Made], given: Given, /) -> Future[Made]:
        """Let one of them make something."""

    def shutdown(self, *, kill_workers: bool) -> None:
        """End them."""


class _Processes:
    """Processes that are replaced when one of them ends."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._executor = self._new()
        self.window = 2 * count

    def _new(self) -> "_Pool":
        # Unlike the standard library's, its processes do not run the main script again, which in
        # a notebook, or without a guard, would begin the same work anew.
        from joblib.externals.loky import ProcessPoolExecutor

        pool: _Pool = ProcessPoolExecutor(
            self._count, initializer=end_with, initargs=(os.getpid(),)
        )
        return pool

    def submit(self, make: Callable[[Given], Made], given: Given) -> Future[Made]:
        """See ``Crew``."""
        try:
            return self._executor.submit(make, given)
        except BrokenExecutor:
            self.end()
            self._executor = self._new()
            return self._executor.submit(make, given)

    def check(self) -> None:
        """See ``Crew``; others can always be started here."""

    def end(self) -> None:
        """Stop them, whatever they are at."""
        self._executor.shutdown(kill_workers=True)


def end_with(parent: int) -> None:
    """End this process soon after ``parent`` has ended, even if that was killed.

    Otherwise a worker would wait for tasks for minutes, and hold open what it has inherited: the
    output that somebody reads to its end.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
