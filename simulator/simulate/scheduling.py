"""A deployment's scheduling options as the simulation takes them."""

from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.errors import InputError
from simulator.serving.replica.limits import EngineLimits
from simulator.specs.deployment import Deployment
from simulator.specs.engine_profile import EngineProfile
from simulator.specs.hardware import Hardware
from simulator.specs.scheduling import Scheduling

if TYPE_CHECKING:
    from simulator.serving.cluster import Failure
    from simulator.serving.replica.door import Rule


def with_scheduling(
    limits: EngineLimits,
    deployment: Deployment,
    profile: EngineProfile,
    hardware: Hardware,
    kv_bytes_per_token: float,
) -> EngineLimits:
    """``limits`` with what the deployment says about scheduling and the engine by default.

    Raises:
        InputError: swapping on hardware whose link to the host is not known.
    """
    chosen = deployment.scheduling
    swap_s = None
    if chosen.preemption == "swap":
        link = hardware.links.host
        if link is None:
            raise InputError(
                f"{hardware.name} has no known link to its host to swap over",
                field="deployment.scheduling.preemption",
                remedy="use recompute",
            )
        swap_s = limits.kv_block_tokens * kv_bytes_per_token / float(link.bandwidth)
    caching, reserve = deployment.prefix_caching, chosen.output_reserve
    return replace(
        limits,
        prefix_caching=profile.prefix_caching if caching is None else caching,
        whole_prompt_fits=chosen.whole_prompt_fits,
        output_reserve=profile.output_reserve if reserve is None else reserve,
        watermark_blocks=int(chosen.watermark * limits.kv_blocks),
        schedule_ahead=chosen.asynchronous,
        admission=_admission(chosen, deployment.dp),
        swap_s_per_block=swap_s,
    )


def _admission(chosen: Scheduling, ranks: int) -> "Rule | None":
    balances = chosen.balance_steps and ranks > 1
    if not (chosen.receive_interval or chosen.gather_steps or balances):
        return None
    from simulator.serving.replica.door import EveryRank, Gather, LookEvery

    if chosen.receive_interval:
        return LookEvery(chosen.receive_interval)
    if chosen.gather_steps:
        return Gather(chosen.gather_steps, chosen.gather_share)
    return EveryRank(chosen.balance_steps, ranks)


def failures_of(deployment: Deployment) -> "tuple[Failure, ...]":
    """The failures that the deployment names."""
    from simulator.serving.cluster import Failure

    return tuple(Failure(f.replica, f.at, f.restart) for f in deployment.scheduling.failures)
