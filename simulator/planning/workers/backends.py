"""Where work is done: here, or on a cluster that is there already."""

from contextlib import AbstractContextManager
from typing import Literal, get_args

from simulator.errors import InputError, nearest, shown
from simulator.planning.workers.crew import Crew
from simulator.planning.workers.local import local_crew

Backend = Literal["local", "dask", "ray"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)

_PATIENCE_S = 30.0
"""How long a cluster may take to answer."""


def crew_of(
    backend: str, *, workers: int = -1, scheduler: str | None = None
) -> AbstractContextManager[Crew]:
    """Processes that work: ``workers`` of this machine, or those of a cluster.

    Args:
        backend: local, dask or ray.
        workers: processes of this machine, -1 for all its cores; a cluster brings its own.
        scheduler: address of the cluster's scheduler (Dask) or head (Ray).

    Raises:
        InputError: an unknown backend, or arguments that do not go with it.
    """
    if backend not in BACKENDS:
        raise InputError(
            f"unknown backend {shown(backend)}",
            file="--backend",
            remedy=nearest(backend, BACKENDS),
        )
    if backend == "local":
        if scheduler is not None:
            raise InputError(
                "has no effect on this machine's own processes",
                file="--scheduler",
                remedy="leave it out, or add --backend dask or --backend ray",
            )
        return local_crew(workers)
    if scheduler is None:
        raise InputError(
            f"{backend} works on a cluster, and none is named",
            file="--backend",
            remedy=f"add --scheduler with its address: {_ADDRESSES[backend]}",
        )
    if workers != -1:
        raise InputError(
            "has no effect on a cluster, which brings its own workers",
            file="--workers",
            remedy="leave it out",
        )
    # Each is a large library, imported for those who ask for it.
    if backend == "dask":
        from simulator.planning.workers.dask_crew import dask_crew

        return dask_crew(scheduler, _PATIENCE_S)
    from simulator.planning.workers.ray_crew import ray_crew

    return ray_crew(scheduler, _PATIENCE_S)


_ADDRESSES = {"dask": "tcp://HOST:8786", "ray": "HOST:6379"}
