"""A policy that says who is admitted first, and one that says where a request goes."""

from collections.abc import Sequence

from simulator.serving.policies.ordering import Ordering
from simulator.serving.policies.routing import Replica
from simulator.serving.traffic.request import Request


def longest_first(request: Request) -> float:
    """Longest prompt first."""
    return -float(request.input_tokens)


LONGEST_FIRST = Ordering(longest_first)


def last_replica(_request: Request, replicas: Sequence[Replica], _routed: int) -> int:
    """Everything to the last one."""
    return len(replicas) - 1
