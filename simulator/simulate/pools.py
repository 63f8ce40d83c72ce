"""Prompts on some replicas, answers on others: separate layouts, and the cache in between."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from simulator.economics.cost import device_price
from simulator.errors import InputError
from simulator.graph.build import build
from simulator.roofline.laws.collective.constants import Link
from simulator.roofline.laws.collective.formula import send_receive_s
from simulator.serving.cluster import ClusterSettings, Outcome, Pool, serve
from simulator.serving.outcome.metrics import ServingMetrics
from simulator.serving.outcome.records import Counters
from simulator.serving.policies.ordering import COMPOSITIONS, ordering
from simulator.serving.policies.routing import router
from simulator.serving.replica.limits import EngineLimits
from simulator.serving.traffic.handover import Transfer
from simulator.simulate.cache_tiers import with_cache_tiers
from simulator.simulate.figures import Known, Value, figures_of, usd_known
from simulator.simulate.replica import Replica, replica_of
from simulator.simulate.scheduling import failures_of
from simulator.simulate.uncertainty import intervals_of_run, widths_of
from simulator.specs.scenario import Economics, Scenario
from simulator.specs.workload import ClosedLoop, Synthetic

if TYPE_CHECKING:
    from simulator.simulate.result import SimulationResult


@dataclass(frozen=True)
class Pools:
    """The two halves of a deployment: replicas for prompts, and replicas for answers."""

    prefill: Replica
    decode: Replica

    @property
    def devices(self) -> int:
        """Devices of both."""
        return self.prefill.deployment.total_devices + self.decode.deployment.total_devices

    def __str__(self) -> str:
        halves = (("prefill", self.prefill), ("decode", self.decode))
        return "; ".join(
            f"{name} {setup.deployment.replicas} × ({setup.graph.layout})" for name, setup in halves
        )


def resolve_pools(scenario: Scenario) -> Pools:
    """Both pools of a scenario's deployment.

    Raises:
        InputError: a pool cannot hold the model, or they cache in different formats.
    """
    d = scenario.deployment
    assert d.prefill is not None
    assert d.decode is not None
    first, second = (
        replica_of(own.hardware or scenario.hardware, scenario.model, whole)
        for own, whole in ((d.prefill, d.pool("prefill")), (d.decode, d.pool("decode")))
    )
    if first.kv_precision != second.kv_precision:
        raise InputError(
            f"the prefill pool caches in {first.kv_precision}, the decode pool in "
            f"{second.kv_precision}",
            field="deployment.kv_precision",
            remedy="give one kv_precision for both",
        )
    return Pools(first, second)


def simulate_pools(
    scenario: Scenario, progress: Callable[[int, int], None] | None = None
) -> "SimulationResult":
    """Serve a scenario whose deployment has a prefill and a decode pool.

    Figures of the result are of both pools together; its steps are a prefill on the one and a
    decode step on the other, and input tokens carry the cost of the one, output of the other.

    Raises:
        InputError: something in the scenario cannot be used; says what and what to do.
    """
    from simulator.simulate.run import (
        errors_of,
        known_figures,
        requests_of,
        summarise,
        title_of,
        typical_steps,
    )

    pools = resolve_pools(scenario)
    first, second = pools.prefill, pools.decode
    table = requests_of(scenario)
    settings = pool_settings(scenario, pools)
    report = None if progress is None else (lambda ended: progress(ended, len(table)))
    outcome = serve(table, first.step_table, settings, report)
    alone = scenario.model_copy(update={"deployment": second.deployment})
    result = summarise(alone, second, outcome)
    metrics, known = _measured(scenario, pools, outcome)
    prefill = typical_steps(first, metrics)[0]
    figures = figures_of(
        known_figures(second, metrics, result.price, prefill, result.decode) | known, metrics
    )

    def measured_figures(other: Outcome) -> Known:
        found, facts = _measured(scenario, pools, other)
        return figures_of(facts, found)

    errors = [errors_of(setup, prefill, result.decode) for setup in (first, second)]
    spread = intervals_of_run(
        figures,
        table,
        first.step_table,
        settings,
        outcome,
        errors=errors,
        measured=measured_figures,
        widths=widths_of(result.decode.relative_sigma, max(e.power for e in errors), known),
        warm_up=scenario.warm_up_requests,
    )
    bills = _bills(pools, outcome, metrics.makespan_s, scenario.economics)
    busy = ", ".join(f"{bill.busy_fraction:.0%}" for bill in bills)
    sent_ms = 1e3 * transfer_time(pools)(round(metrics.input_tokens / max(metrics.finished, 1)))
    return replace(
        result,
        title=scenario.title or title_of(scenario, first, pools.devices),
        layout=str(pools),
        devices=pools.devices,
        replicas=first.deployment.replicas + second.deployment.replicas,
        metrics=metrics,
        prefill=prefill,
        figures=figures,
        intervals=spread,
        notes=(
            *dict.fromkeys((*first.notes, *result.notes)),
            f"the prefill and decode pools were busy {busy} of the time; "
            f"the cache of a mean prompt took {sent_ms:.2g} ms between them",
        ),
    )


def _measured(
    scenario: Scenario, pools: Pools, outcome: Outcome
) -> tuple[ServingMetrics, dict[str, Value]]:
    """What both pools together amount to, and what figures follow from beside that."""
    from simulator.simulate.run import measured

    alone = scenario.model_copy(update={"deployment": pools.decode.deployment})
    metrics = measured(alone, pools.decode, outcome)
    bills = _bills(pools, outcome, metrics.makespan_s, scenario.economics)
    energy_j = sum(bill.energy_j for bill in bills)
    metrics = replace(
        metrics,
        energy_j=energy_j,
        power_w=energy_j / metrics.makespan_s,
        prefill_share=bills[0].share_of(bills),
    )
    paid: dict[str, Value] = {"usd_per_s": None}
    if all(bill.usd["usd_per_s"] is not None for bill in bills):
        paid = {key: sum(bill.usd[key] for bill in bills) for key in bills[0].usd}
    return metrics, {
        "devices": pools.devices,
        "input_tokens_per_s": metrics.input_tokens / metrics.makespan_s,
        "prefill_share": metrics.prefill_share,
        **paid,
    }


def pool_settings(scenario: Scenario, pools: Pools) -> ClusterSettings:
    """How the two pools serve the scenario's users or arrivals.

    The deployment's router chooses among prefill replicas; of the decode replicas the emptiest
    takes each answer. Failures count the prefill replicas first.
    """
    workload = scenario.workload
    users, think_s, ramp_s = None, 0.0, 0.0
    if isinstance(workload, Synthetic) and isinstance(workload.arrivals, ClosedLoop):
        loop = workload.arrivals
        users, think_s, ramp_s = loop.users, loop.think_time, loop.ramp_up
    first, second = pools.prefill, pools.decode
    # Prompts alone look for cached prefixes, so tiers behind the cache serve their pool.
    halves = (
        _pool(first, with_cache_tiers(first), "prefill"),
        _pool(second, second.limits, "decode"),
    )
    links = min(first.deployment.replicas, second.deployment.replicas)
    return ClusterSettings(
        limits=halves[0].limits,
        ordering=ordering(scenario.deployment.policy),
        composition=halves[0].composition,
        router=router(scenario.deployment.scheduling.router),
        users=users,
        think_s=think_s,
        ramp_s=ramp_s,
        failures=failures_of(scenario.deployment),
        ttft_limit_s=scenario.objectives.ttft or 0.0,
        pools=halves,
        transfer=Transfer(transfer_time(pools), links=links),
    )


def _pool(setup: Replica, limits: EngineLimits, role: Literal["prefill", "decode"]) -> Pool:
    deployment = setup.deployment
    composition = COMPOSITIONS[deployment.scheduling.steps or setup.profile.scheduling]
    return Pool(setup.step_table, limits, composition, deployment.replicas, role)


def transfer_time(pools: Pools) -> Callable[[int], float]:
    """Seconds for the cache of a prompt of so many tokens from a prefill to a decode replica.

    The devices that hold different parts of it send side by side, as many as the side with
    fewer of them has; copies on further ranks are not sent.
    """
    first = pools.prefill
    whole = build(first.model, None, first.precision, first.kv_precision)
    lanes = min(_holders(pools.prefill), _holders(pools.decode))
    link = _between(pools)

    def seconds(tokens: int) -> float:
        size = float(whole.kv_bytes(np.asarray(float(tokens))))
        return float(send_receive_s(size / lanes, link))

    return seconds


def _holders(setup: Replica) -> int:
    """Devices of one data-parallel rank."""
    return setup.deployment.devices_per_replica // setup.deployment.dp


def _between(pools: Pools) -> Link:
    """The link between the pools: scale-up where it joins all devices, else the next level."""
    device = pools.prefill.device
    near, far = device.scale_up, device.scale_out
    alike = device.name == pools.decode.device.name
    if near is not None and alike and pools.devices <= near.fabric.devices:
        return near
    found = far if far is not None else near
    if found is None:
        raise InputError(f"{device.name} has no link to another replica", field="hardware")
    return found


@dataclass(frozen=True, slots=True)
class _Bill:
    """What one pool took: joules, dollars a second, its share of time at work, device seconds."""

    energy_j: float
    usd: Mapping[str, Value]
    busy_fraction: float
    device_s: float

    def share_of(self, bills: "tuple[_Bill, ...]") -> float:
        """This pool's part of the dollars, or of device time where prices are unknown."""
        paid = [bill.usd["usd_per_s"] for bill in bills]
        if None not in paid and sum(paid) > 0:
            return float(self.usd["usd_per_s"] / sum(paid))
        return self.device_s / sum(bill.device_s for bill in bills)


def _bills(
    pools: Pools, outcome: Outcome, span_s: float, economics: Economics
) -> tuple[_Bill, ...]:
    split = pools.prefill.deployment.replicas
    halves = (
        (pools.prefill, outcome.counters[:split]),
        (pools.decode, outcome.counters[split:]),
    )
    return tuple(_bill(setup, counters, span_s, economics) for setup, counters in halves)


def _bill(
    setup: Replica, counters: tuple[Counters, ...], span_s: float, economics: Economics
) -> _Bill:
    devices = setup.deployment.total_devices
    busy_s = sum(c.busy_s for c in counters)
    idle_s = max(len(counters) * span_s - busy_s, 0.0)
    of_one_j = sum(c.energy_j for c in counters) + setup.device.power.idle_w * idle_s
    energy_j = of_one_j * setup.deployment.devices_per_replica
    usd = usd_known(device_price(setup.hardware, economics), devices, energy_j / span_s, economics)
    return _Bill(energy_j, usd, busy_s / (len(counters) * span_s), devices * span_s)
