"""Processes that work beside this one, and end when it does, however it ends."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from simulator.errors import InputError

Given = TypeVar("Given")
Made = TypeVar("Made")

_LOOK_EVERY_S = 0.2


def checked_workers(workers: int) -> int:
    """As many as asked for: -1 is every core.

    Raises:
        InputError: neither a number of processes nor -1.
    """
    if workers < 1 and workers != -1:
        raise InputError(
            f"{workers} processes cannot work",
            field="workers",
            remedy="1 or more, or -1 for all cores",
        )
    return workers


def made_in_parallel(
    make: Callable[[Given], Made], given: list[Given], workers: int
) -> Iterator[Made]:
    """``make`` of each, in the order given: the same results for any number of workers."""
    from joblib import Parallel, delayed

    count = min(workers, len(given))
    if count == 1:
        yield from map(make, given)
        return
    pool = Parallel(
        n_jobs=count, return_as="generator", initializer=end_with, initargs=(os.getpid(),)
    )
    calls: Iterable[object] = (delayed(make)(one) for one in given)
    yield from pool(calls)


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
