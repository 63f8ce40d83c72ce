"""What a simulated cluster drew and cost: joules and dollars of its pools, and who caused them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simulator.economics.basis import basis_of
from simulator.economics.breakdown import CostLine, Paid, breakdown
from simulator.economics.price import DevicePrice
from simulator.economics.rules import Work, rule_of
from simulator.serving.cluster import Outcome
from simulator.serving.outcome.metrics import Limits, ServingMetrics, measure
from simulator.serving.outcome.records import Counters
from simulator.simulate.cluster import Cluster, Pool
from simulator.simulate.figure import Known
from simulator.simulate.pricing import BasisCost, usd_known
from simulator.simulate.surroundings import Drawing, site_known
from simulator.specs.economics import Economics
from simulator.specs.scenario import Scenario


@dataclass(frozen=True, slots=True)
class PoolAccount:
    """What one pool took over the run.

    Args:
        price: of an hour of one of its devices; None where no price is known.
        usd: dollars a second, with both ends of the price; None where no price is known.
        prompts, added, loads, held: shares of its working time and memory, see ``Work``.
    """

    pool: Pool
    energy_j: float
    power_w: float
    price: DevicePrice | None
    usd: Known
    busy_fraction: float
    prompts: float
    added: float
    loads: float
    held: float


def measured(scenario: Scenario, cluster: Cluster, outcome: Outcome) -> ServingMetrics:
    """What a simulation amounts to, over all pools."""
    wanted = scenario.objectives
    per_replica = [pool.replica for pool in cluster.pools for _ in range(pool.replicas)]
    return measure(
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


def facts(scenario: Scenario, cluster: Cluster, outcome: Outcome, metrics: ServingMetrics) -> Known:
    """What figures follow from beside the metrics: devices, tokens by kind, and dollars."""
    accounts = accounts_of(cluster, outcome, metrics.makespan_s, scenario.economics)
    work = _work(accounts, metrics)
    economics, conversations = scenario.economics, outcome.records.conversations
    return {
        "devices": cluster.devices,
        "input_tokens_per_s": metrics.input_tokens / metrics.makespan_s,
        "work": work,
        "shares": rule_of(economics)(work, economics),
        "conversations_per_s": conversations and conversations / metrics.makespan_s,
        "success_rate": economics.success_rate,
        **site_known([_drawing(account) for account in accounts], economics),
        **_paid(accounts),
    }


def _drawing(account: PoolAccount) -> Drawing:
    return Drawing(account.pool.replica.hardware, account.pool.devices, account.power_w)


def facts_when_full(
    scenario: Scenario,
    cluster: Cluster,
    outcome: Outcome,
    metrics: ServingMetrics,
    requests_per_s: float,
    power_w: float,
) -> Known:
    """The same where requests are answered at a steady rate, as ``metrics`` is of a whole run.

    A run fills and empties the machine; its shares of time hold for the steady state too.
    """
    factor = requests_per_s / metrics.requests_per_s if metrics.requests_per_s else 0.0
    more = power_w / metrics.power_w
    accounts = [
        replace(
            a, power_w=a.power_w * more, usd=usd_known(a.price, a.pool.devices, a.power_w * more)
        )
        for a in accounts_of(cluster, outcome, metrics.makespan_s, scenario.economics)
    ]
    known = dict(facts(scenario, cluster, outcome, metrics))
    work: Work = known["work"]
    known["work"] = replace(
        work,
        uncached=work.uncached * factor,
        cached=work.cached * factor,
        output=work.output * factor,
    )
    rates = ("input_tokens_per_s", "conversations_per_s")
    known |= {key: known[key] and known[key] * factor for key in rates}
    return {
        **known,
        **site_known([_drawing(account) for account in accounts], scenario.economics),
        **_paid(accounts),
        "power_w": power_w,
        "requests_per_s": requests_per_s,
        "output_tokens_per_s": metrics.output_tokens_per_s * factor,
    }


def _work(accounts: Sequence[PoolAccount], metrics: ServingMetrics) -> Work:
    """The work of all pools, each weighing as its dollars do, or as its devices without prices."""
    weights = [account.usd["usd_per_s"] for account in accounts]
    if None in weights or not sum(weights):
        weights = [account.pool.devices for account in accounts]

    def mean(name: str) -> float:
        each = (w * getattr(a, name) for w, a in zip(weights, accounts, strict=True))
        return float(sum(each) / sum(weights))

    return Work(
        prompts=mean("prompts"),
        added=mean("added"),
        loads=mean("loads"),
        held=mean("held"),
        uncached=(metrics.input_tokens - metrics.cached_tokens) / metrics.makespan_s,
        cached=metrics.cached_tokens / metrics.makespan_s,
        output=metrics.output_tokens / metrics.makespan_s,
    )


def every_dollar(accounts: Sequence[PoolAccount]) -> tuple[CostLine, ...]:
    """What every dollar goes to; nothing where a pool has no price."""
    groups = []
    for account in accounts:
        if account.price is None:
            return ()
        name = "" if len(accounts) == 1 else f"{account.pool.role} pool"
        groups.append(
            Paid(account.price, account.pool.devices, account.power_w, account.busy_fraction, name)
        )
    return breakdown(groups)


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
    replica = pool.replica
    of_one_j = sum(c.energy_j for c in counters) + replica.device.power.idle_w * idle_s
    energy_j = of_one_j * replica.deployment.devices_per_replica
    power_w = energy_j / span_s
    cache_share = max(replica.budget.cache, 0.0) / replica.device.memory_bytes
    held_s = sum(c.held_block_s for c in counters) / max(replica.limits.kv_blocks, 1)
    computing_s = busy_s or 1.0
    return PoolAccount(
        pool=pool,
        energy_j=energy_j,
        power_w=power_w,
        price=price,
        usd=usd_known(price, pool.devices, power_w),
        busy_fraction=busy_s / (len(counters) * span_s),
        prompts=sum(c.prompt_s for c in counters) / computing_s,
        added=sum(c.prompt_added_s for c in counters) / computing_s,
        loads=sum(c.load_s for c in counters) / computing_s,
        held=cache_share * held_s / (len(counters) * span_s),
    )
