"""Scheduling as pure functions: who is served first, and what a step is made of.

An ordering gives each waiting request a key; the smallest is admitted first. A composition says,
from counts alone, whether running sequences decode in the next step and how many prompt tokens
it may take. A router picks a replica. Adding a policy is adding a function here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulator.errors import InputError, nearest
from simulator.serving.request import Request

Ordering = Callable[[Request], float]


def first_come_first_served(request: Request) -> float:
    """Order of arrival."""
    return request.arrival_s


def shortest_first(request: Request) -> float:
    """Shortest prompt first."""
    return float(request.input_tokens)


def shortest_job_first(request: Request) -> float:
    """Least work first, as if the output length were known."""
    return float(request.input_tokens + request.output_tokens)


ORDERINGS: dict[str, Ordering] = {
    "fcfs": first_come_first_served,
    "shortest-first": shortest_first,
    "shortest-job-first": shortest_job_first,
}


def ordering(name: str) -> Ordering:
    """The ordering called ``name``.

    Raises:
        InputError: unknown; suggests the nearest.
    """
    if name not in ORDERINGS:
        raise InputError(f"unknown policy {name!r}", field="policy", remedy=nearest(name, ORDERINGS))
    return ORDERINGS[name]


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What the next step may hold."""

    decode: bool
    prompt_tokens: int


Composition = Callable[[int, int, int], StepPlan]
"""(decoding sequences, waiting or half-done prompts, token budget) → plan."""


def mixed(decoding: int, prompts: int, budget: int) -> StepPlan:
    """vLLM V1: decodes first, prompts fill what is left of one token budget."""
    return StepPlan(decode=True, prompt_tokens=max(0, budget - decoding))


def prefill_first(decoding: int, prompts: int, budget: int) -> StepPlan:
    """SGLang's default: prompts in steps of their own, and decoding waits meanwhile."""
    return StepPlan(decode=prompts == 0, prompt_tokens=budget)


def static(decoding: int, prompts: int, budget: int) -> StepPlan:
    """A batch is filled once and runs until its last sequence is done."""
    return StepPlan(decode=True, prompt_tokens=0 if decoding else budget)


COMPOSITIONS: dict[str, Composition] = {
    "mixed": mixed,
    "prefill-first": prefill_first,
    "static": static,
}

Router = Callable[[Request, Sequence[int], int], int]
"""(request, unfinished requests of each replica, requests routed so far) → replica."""


def round_robin(request: Request, loads: Sequence[int], routed: int) -> int:
    """The next replica in turn."""
    return routed % len(loads)


def least_loaded(request: Request, loads: Sequence[int], routed: int) -> int:
    """The replica with the fewest unfinished requests; the first of equals."""
    return min(range(len(loads)), key=loads.__getitem__)


ROUTERS: dict[str, Router] = {"round-robin": round_robin, "least-loaded": least_loaded}
