"""A deployment's settings with what it leaves open filled in by its engine and hardware."""

from math import ceil

from simulator.errors import InputError
from simulator.serving.replica.limits import EngineLimits, admission_of
from simulator.serving.traffic.front_end_time import FrontEndTime
from simulator.specs.deployment import Deployment
from simulator.specs.engine_profile import EngineProfile
from simulator.specs.hardware import Hardware
from simulator.specs.model import Model
from simulator.specs.scheduling import Scheduling
from simulator.specs.workload import Workload, longest_prompt, users_of


def filled_in(
    deployment: Deployment, profile: EngineProfile, model: Model, memory_bytes: float
) -> Deployment:
    """The deployment with the engine's defaults on a device of that much memory.

    ``kv_blocks`` stay open where they are: they are what memory has room for.

    Raises:
        InputError: longer sequences than the model supports.
    """
    budget = profile.budget_for(memory_bytes)
    defaults = {
        "max_sequences": budget.max_sequences,
        "max_batched_tokens": budget.max_batched_tokens,
        "max_context": model.max_context,
        "kv_block_tokens": profile.kv_block_tokens,
        "chunked_prefill": profile.chunked_prefill,
        "prefix_caching": profile.prefix_caching,
    }
    left_open = {name for name in defaults if getattr(deployment, name) is None}
    found = deployment.model_copy(update={name: defaults[name] for name in left_open})
    if (found.max_context or 0) > model.max_context:
        raise InputError(
            f"context {found.max_context} is longer than {model.name} supports",
            field="deployment.max_context",
            remedy=f"use at most {model.max_context}",
        )
    return found


def limits_of(
    deployment: Deployment,
    profile: EngineProfile,
    hardware: Hardware,
    kv_bytes_per_token: float,
) -> EngineLimits:
    """The limits of one replica of a deployment that leaves nothing open.

    Raises:
        InputError: swapping on hardware whose link to the host is not known.
    """
    options = deployment.scheduling
    defaults = {"output_reserve": profile.output_reserve, "asynchronous": profile.asynchronous}
    left_open = {name for name in defaults if getattr(options, name) is None}
    options = options.model_copy(update={name: defaults[name] for name in left_open})
    block_bytes = (deployment.kv_block_tokens or 0) * kv_bytes_per_token
    return EngineLimits(
        deployment,
        options,
        front_end=_front_end(deployment, profile),
        request_overhead_s=float(profile.request_overhead)
        + _server_overhead_s(deployment, profile),
        swap_s_per_block=_swap_s(options, hardware, block_bytes),
        admission=admission_of(options, deployment.dp),
    )


def _server_overhead_s(deployment: Deployment, profile: EngineProfile) -> float:
    if deployment.server_overhead is not None:
        return deployment.server_overhead
    found = float(profile.server_overhead)
    if deployment.devices_per_replica > 1:
        found += float(profile.group_overhead)
    return found


def _front_end(deployment: Deployment, profile: EngineProfile) -> FrontEndTime | None:
    """The server's front end; an engine in process, which no server stands before, has none."""
    found = profile.front_end
    if found is None or deployment.server_overhead == 0:
        return None
    return FrontEndTime(float(found.request), float(found.token))


def _swap_s(options: Scheduling, hardware: Hardware, block_bytes: float) -> float | None:
    if options.preemption != "swap":
        return None
    link = hardware.links.host
    if link is None:
        raise InputError(
            f"{hardware.name} has no known link to its host to swap over",
            field="deployment.scheduling.preemption",
            remedy="use recompute",
        )
    return block_bytes / float(link.bandwidth)


_STEP_UNIT = 64
"""Budgets are raised to whole multiples of so many tokens, as launch scripts do."""


def raised_budget(workload: Workload, limits: EngineLimits, replicas: int) -> int | None:
    """Tokens that a step of one rank needs for the longest prompt beside all sequences.

    Without chunks a prompt has to fit into one step with those that decode: where it does not, it
    waits until nearly everybody has left. None where the budget holds it, or where prompts are
    spread over steps.
    """
    longest = longest_prompt(workload)
    if limits.chunked_prefill or longest is None:
        return None
    running = limits.max_sequences // limits.ranks
    users = users_of(workload)
    if users is not None:
        running = min(running, ceil(users / (replicas * limits.ranks)))
    needed = ceil((longest + running) / _STEP_UNIT) * _STEP_UNIT
    return needed if longest + running > limits.max_batched_tokens // limits.ranks else None
