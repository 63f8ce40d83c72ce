"""The workers of a Dask cluster, found by the address of its scheduler."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from simulator.errors import InputError
from simulator.planning.workers.crew import Crew

if TYPE_CHECKING:
    from distributed import Client

Given = TypeVar("Given")
Made = TypeVar("Made")

_WINDOW = 1000
"""Tasks that the scheduler holds at a time: enough for any number of workers to be busy."""


@contextmanager
def dask_crew(scheduler: str, patience_s: float) -> Iterator[Crew]:
    """The workers of the scheduler at this address, those that join later included.

    The scheduler itself gives the task of a worker that ends to another one.

    Raises:
        InputError: Dask is not installed, no scheduler answers within ``patience_s``, or it has no
            workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "Dask is not installed", file="--backend", remedy="pip install 'roofsim[dask]'"
        ) from None
    for name in ("distributed", "distributed.client"):
        # A scheduler that goes away is told once, by us.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=patience_s, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"no Dask scheduler answers there: {error}",
            file=f"--scheduler {scheduler}",
            remedy="start one with dask scheduler, and name the address that it prints",
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=patience_s)
        except TimeoutError:
            raise InputError(
                f"the scheduler has had no worker for {patience_s:.0f} s",
                file=f"--scheduler {scheduler}",
                remedy=f"start some with dask worker {scheduler}",
            ) from None
        yield _Dask(client, scheduler)


class _Dask:
    """See ``dask_crew``."""

    window = _WINDOW

    def __init__(self, client: "Client", scheduler: str) -> None:
        self._client, self._scheduler = client, scheduler
        self._executor = client.get_executor(pure=False)

    def submit(self, make: Callable[[Given], Made], given: Given) -> Future[Made]:
        """See ``Crew``."""
        future: Future[Made] = self._executor.submit(make, given)
        return future

    def check(self) -> None:
        """See ``Crew``."""
        if self._client.status != "running":
            raise InputError(
                "the Dask scheduler is gone",
                file=f"--scheduler {self._scheduler}",
                remedy="start it and its workers anew; what was finished is kept",
            )
