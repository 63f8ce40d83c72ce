"""The workers of a Ray cluster, found by the address of its head."""

import logging
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeVar

from simulator.errors import InputError
from simulator.planning.workers.crew import Crew

Given = TypeVar("Given")
Made = TypeVar("Made")

_WINDOW = 1000
"""Tasks that the cluster holds at a time: enough for any number of workers to be busy."""

_RETRIES = 3
"""How often Ray gives a task to another worker when one ends in it."""


@contextmanager
def ray_crew(scheduler: str, patience_s: float) -> Iterator[Crew]:
    """The workers of the cluster whose head is at this address, as ``ray start`` prints it.

    Ray itself gives the task of a worker that ends to another one.

    Raises:
        InputError: Ray is not installed, or no head answers within ``patience_s``.
    """
    try:
        import ray
    except ImportError:
        raise InputError(
            "Ray is not installed", file="--backend", remedy="pip install 'roofsim[ray]'"
        ) from None
    _check_answers(scheduler, patience_s)
    try:
        ray.init(address=scheduler, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _gone(scheduler, f"no head of a Ray cluster answers there: {error}") from None
    try:
        yield _Ray(scheduler, patience_s)
    finally:
        ray.shutdown()


class _Ray:
    """See ``ray_crew``."""

    window = _WINDOW

    def __init__(self, scheduler: str, patience_s: float) -> None:
        import ray

        self._scheduler, self._patience_s = scheduler, patience_s
        self._remote = lru_cache(ray.remote(max_retries=_RETRIES))

    def submit(self, make: Callable[[Given], Made], given: Given) -> Future[Made]:
        """See ``Crew``."""
        future: Future[Made] = self._remote(make).remote(given).future()
        return future

    def check(self) -> None:
        """See ``Crew``."""
        _check_answers(self._scheduler, self._patience_s)


def _check_answers(scheduler: str, patience_s: float) -> None:
    """See that something listens at an address; Ray itself would wait for it for ever."""
    host, _, port = scheduler.rpartition("://")[2].rpartition(":")
    if not host or not port.isdecimal():
        raise _gone(scheduler, "is no address of a Ray cluster")
    try:
        socket.create_connection((host, int(port)), patience_s).close()
    except (OSError, OverflowError) as error:
        raise _gone(scheduler, f"no head of a Ray cluster answers there: {error}") from None


def _gone(scheduler: str, problem: str) -> InputError:
    return InputError(
        problem,
        file=f"--scheduler {scheduler}",
        remedy="start one with ray start --head, and name the address HOST:PORT that it prints; "
        "what was finished is kept",
    )
