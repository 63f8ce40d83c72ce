"""Scheduling as pure functions: who is served first, and what a step is made of.

An ordering gives each waiting request a key; the smallest is admitted first. A composition says,
from counts alone, whether running sequences decode in the next step and how many prompt tokens
it may take. Adding a policy is adding a function here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.errors import InputError, nearest
from simulator.extensions import extension, extension_names
from simulator.serving.traffic.request import Request

Key = Callable[[Request], float]


@dataclass(frozen=True, slots=True)
class Ordering:
    """Who is admitted first: the smallest ``key``.

    Args:
        late_last: requests whose deadline has passed let all others go first.
        newcomers_last: whoever comes later has the larger key.
        largest_key_leaves: a shortage of memory throws out the sequence with the largest key,
            not the one admitted last.
    """

    key: Key
    late_last: bool = False
    newcomers_last: bool = False
    largest_key_leaves: bool = False


def first_come_first_served(request: Request) -> float:
    """Order of arrival."""
    return request.arrival_s


def shortest_first(request: Request) -> float:
    """Shortest prompt first."""
    return float(request.input_tokens)


def shortest_job_first(request: Request) -> float:
    """Least work first, as if the output length were known."""
    return float(request.input_tokens + request.output_tokens)


def priority(request: Request) -> float:
    """The request's own priority, smallest first; equal ones in order of their rows."""
    return float(request.priority)


def deadline(request: Request) -> float:
    """The moment by which the first token is due, earliest first."""
    return request.deadline_s


ORDERINGS: dict[str, Ordering] = {
    "fcfs": Ordering(first_come_first_served, newcomers_last=True),
    "shortest-first": Ordering(shortest_first),
    "shortest-job-first": Ordering(shortest_job_first),
    "priority": Ordering(priority, largest_key_leaves=True),
    "slo-aware": Ordering(deadline, late_last=True),
}


def ordering(name: str) -> Ordering:
    """The ordering called ``name``, here or in an installed package.

    Raises:
        InputError: unknown; suggests the nearest.
    """
    found = ORDERINGS.get(name) or extension("roofsim.policies", name, Ordering)
    if found is None:
        known = (*ORDERINGS, *extension_names("roofsim.policies"))
        raise InputError(
            f"unknown policy {name!r}", field="deployment.policy", remedy=nearest(name, known)
        )
    return found


Composition = Callable[[int, int, int], tuple[bool, int, bool]]
"""(decoding sequences, half-done prompts, token budget) → what a step holds while prompts wait:
whether sequences decode, how many prompt tokens it takes, and whether newcomers may come in."""


def mixed(decoding: int, _half_done: int, budget: int) -> tuple[bool, int, bool]:
    """vLLM V1: decodes first, prompts fill what is left of one token budget."""
    return True, max(0, budget - decoding), True


def prefill_first(_decoding: int, _half_done: int, budget: int) -> tuple[bool, int, bool]:
    """SGLang's default: prompts in steps of their own, and decoding waits meanwhile."""
    return False, budget, True


def static(decoding: int, half_done: int, budget: int) -> tuple[bool, int, bool]:
    """A batch is filled once and runs until its last sequence is done."""
    return half_done == 0, budget if half_done or not decoding else 0, not decoding


COMPOSITIONS: dict[str, Composition] = {
    "mixed": mixed,
    "prefill-first": prefill_first,
    "static": static,
}
