"""Which replica a request goes to: functions of one signature."""

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Protocol

from simulator.errors import InputError, nearest
from simulator.extensions import extension, extension_names
from simulator.serving.traffic.request import NO_ROW, Request


class Replica(Protocol):
    """What a router may know of a replica."""

    @property
    def unfinished(self) -> int:
        """Requests that wait or run there."""

    def cached_prefix_tokens(self, request: Request) -> int:
        """Tokens of the prompt that its prefix cache holds right now."""


Router = Callable[[Request, Sequence[Replica], int], int]
"""(request, replicas that are up, requests routed so far) → place in that sequence."""


def round_robin(_request: Request, replicas: Sequence[Replica], routed: int) -> int:
    """The next replica in turn."""
    return routed % len(replicas)


def least_loaded(_request: Request, replicas: Sequence[Replica], _routed: int) -> int:
    """The replica with the fewest unfinished requests; the first of equals."""
    loads = [replica.unfinished for replica in replicas]
    return loads.index(min(loads))


IMBALANCE = 1.5, 8
"""A prefix-aware router follows the cache unless the longest queue exceeds the shortest by this
factor and this many requests (the balance thresholds of SGLang's cache-aware router, scaled)."""


def prefix_aware(request: Request, replicas: Sequence[Replica], _routed: int) -> int:
    """The replica that has cached most of the prompt, unless queues are far apart."""
    loads = [replica.unfinished for replica in replicas]
    low, high = min(loads), max(loads)
    factor, requests = IMBALANCE
    are_far_apart = high > factor * low and high - low > requests
    if are_far_apart or not request.prefix:
        return loads.index(low)
    cached = [replica.cached_prefix_tokens(request) for replica in replicas]
    return min(range(len(replicas)), key=lambda i: (-cached[i], loads[i]))


_KNUTH = 2654435761
_LOW_BITS = 7
"""Knuth's multiplicative hash, without its regular low bits, spreads consecutive sessions."""


def session_sticky(request: Request, replicas: Sequence[Replica], routed: int) -> int:
    """The same replica for all requests of a session; without one, the least loaded."""
    if request.session == NO_ROW:
        return least_loaded(request, replicas, routed)
    return (request.session * _KNUTH >> _LOW_BITS) % len(replicas)


ROUTERS: dict[str, Router] = {
    "round-robin": round_robin,
    "least-loaded": least_loaded,
    "prefix-aware": prefix_aware,
    "session-sticky": session_sticky,
}


def router(name: str) -> Router:
    """The router called ``name``, here or in an installed package.

    Raises:
        InputError: unknown; suggests the nearest.
    """
    found = ROUTERS.get(name) or extension("roofsim.policies", name, FunctionType)
    if found is None:
        known = (*ROUTERS, *extension_names("roofsim.policies"))
        raise InputError(
            f"unknown router {name!r}",
            field="deployment.scheduling.router",
            remedy=nearest(name, known),
        )
    return found
