"""What a simulated cluster drew and cost: joules and dollars of its pools, and who caused them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simulator.economics.basis import basis_of
from simulator.economics.price import DevicePrice
from simulator.serving.cluster import Outcome
from simulator.serving.outcome.metrics import Limits, ServingMetrics, measure
from simulator.serving.outcome.records import Counters
from simulator.simulate.cluster import Cluster, Pool
from simulator.simulate.figure import Known
from simulator.simulate.pricing import BasisCost, usd_known
from simulator.specs.economics import Economics
from simulator.specs.scenario import Scenario


@dataclass(frozen=True, slots=True)
class PoolAccount:
    """What one pool took over the run.

    Args:
        usd: dollars a second, with both ends of the price; None where no price is known.
        prefill_share: part of its working time that went into prompts.
    """

    energy_j: float
    usd: Known
    busy_fraction: float
    prefill_share: float
    device_s: float


def measured(scenario: Scenario, cluster: Cluster, outcome: Outcome) -> ServingMetrics:
    """What a simulation amounts to, over all pools."""
    wanted = scenario.objectives
    per_replica = [pool.replica for pool in cluster.pools for _ in range(pool.replicas)]
    metrics = measure(
        outcome.records,
        outcome.counters,
        makespan_s=outcome.makespan_s,
        devices_per_replica=[replica.deployment.devices_per_replica for replica in per_replica],
        idle_w=[replica.device.power.idle_w for replica in per_replica],
        kv_blocks=[replica.limits.kv_blocks for replica in per_replica],
        timeline=outcome.timeline,
        objectives=Limits(wanted.ttft, wanted.tpot, wanted.e2e),
        warm_up=scenario.warm_up_requests,
    )
    if len(cluster.pools) == 1:
        return metrics
    accounts = accounts_of(cluster, outcome, metrics.makespan_s, scenario.economics)
    return replace(metrics, prefill_share=_prefill_share(accounts))


def facts(scenario: Scenario, cluster: Cluster, outcome: Outcome, metrics: ServingMetrics) -> Known:
    """What figures follow from beside the metrics: devices, prompts, and dollars."""
    accounts = accounts_of(cluster, outcome, metrics.makespan_s, scenario.economics)
    return {
        "devices": cluster.devices,
        "input_tokens_per_s": metrics.input_tokens / metrics.makespan_s,
        "prefill_share": metrics.prefill_share,
        **_paid(accounts),
    }


def _paid(accounts: Sequence[PoolAccount]) -> Known:
    """Dollars a second of all pools; None where one has no price."""
    if any(account.usd["usd_per_s"] is None for account in accounts):
        return {"usd_per_s": None}
    return {key: sum(account.usd[key] for account in accounts) for key in accounts[0].usd}


def costs_elsewhere(
    scenario: Scenario, cluster: Cluster, outcome: Outcome, metrics: ServingMetrics
) -> tuple[BasisCost, ...]:
    """What the same simulation costs on every other basis that all devices have a price on.

    The nearest basis stands first; what single providers of the declared one ask, last.
    """
    found = []
    tokens = (metrics.input_tokens + metrics.output_tokens) / metrics.makespan_s
    for economics in cluster.other_economics(scenario.economics):
        accounts = accounts_of(cluster, outcome, metrics.makespan_s, economics)
        usd = _paid(accounts)["usd_per_s"]
        if usd is None or not tokens:
            continue
        prices = [price for price in cluster.prices(economics) if price is not None]
        found.append(
            BasisCost(
                basis=str(basis_of(economics)),
                origin="; ".join(dict.fromkeys(price.origin for price in prices)),
                usd_per_device_hour=float(usd) * 3600.0 / cluster.devices,
                usd_per_million_tokens=float(1e6 * usd / tokens),
                mark="; ".join(dict.fromkeys(price.mark for price in prices if price.mark)),
                provider=economics.provider,
            )
        )
    return tuple(found)


def accounts_of(
    cluster: Cluster, outcome: Outcome, span_s: float, economics: Economics
) -> tuple[PoolAccount, ...]:
    """An account of each pool, from the counters of its replicas."""
    prices = cluster.prices(economics)
    found, first = [], 0
    for pool, price in zip(cluster.pools, prices, strict=True):
        own = outcome.counters[first : first + pool.replicas]
        found.append(_account(pool, own, span_s, price))
        first += pool.replicas
    return tuple(found)


def _account(
    pool: Pool,
    counters: Sequence[Counters],
    span_s: float,
    price: DevicePrice | None,
) -> PoolAccount:
    busy_s = sum(c.busy_s for c in counters)
    idle_s = sum(max(span_s - c.busy_s, 0.0) for c in counters)
    of_one_j = sum(c.energy_j for c in counters) + pool.replica.device.power.idle_w * idle_s
    energy_j = of_one_j * pool.replica.deployment.devices_per_replica
    return PoolAccount(
        energy_j=energy_j,
        usd=usd_known(price, pool.devices, energy_j / span_s),
        busy_fraction=busy_s / (len(counters) * span_s),
        prefill_share=_share_of_prompts(pool, counters, busy_s),
        device_s=pool.devices * span_s,
    )


def _share_of_prompts(pool: Pool, counters: Sequence[Counters], busy_s: float) -> float:
    if pool.role != "both":
        return float(pool.role == "prefill")
    return sum(c.prefill_s for c in counters) / busy_s if busy_s else 0.0


def _prefill_share(accounts: Sequence[PoolAccount]) -> float:
    """The part that prompts have of the dollars, or of device time where prices are unknown."""
    weights = [account.usd["usd_per_s"] for account in accounts]
    if None in weights or not sum(weights):
        weights = [account.device_s for account in accounts]
    of_prompts = sum(w * a.prefill_share for w, a in zip(weights, accounts, strict=True))
    return float(of_prompts / sum(weights))
