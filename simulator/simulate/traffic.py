"""A cluster and a scenario as the simulation of serving takes them: who asks, and who serves."""

from simulator.errors import InputError
from simulator.serving.cluster import ClusterSettings, Failure
from simulator.serving.cluster import Pool as ServingPool
from simulator.serving.policies.ordering import COMPOSITIONS, ordering
from simulator.serving.policies.routing import router
from simulator.serving.traffic.handover import Transfer
from simulator.serving.traffic.request import RequestTable
from simulator.serving.traffic.synthetic import draw_requests
from simulator.simulate.bounds import check_bounded
from simulator.simulate.cache_tiers import with_cache_tiers
from simulator.simulate.cluster import Cluster, Pool
from simulator.specs.arrivals import ClosedLoop
from simulator.specs.scenario import Scenario
from simulator.specs.workload import Synthetic, Trace, Workload
from simulator.traces.read import told_trace


def requests_of(workload: Workload, cluster: Cluster) -> RequestTable:
    """The requests of a workload, drawn or read, for ``cluster`` to serve.

    Raises:
        InputError: a trace that cannot be read, a point that is no traffic, or more than can be
            simulated on that cluster.
    """
    return told_requests(workload, cluster)[0]


def told_requests(workload: Workload, cluster: Cluster) -> tuple[RequestTable, tuple[str, ...]]:
    """The requests of a workload, and what is to be said of how they were read.

    Raises:
        InputError: as ``requests_of`` does.
    """
    table, told = read_requests(workload)
    check_bounded(workload, cluster, table)
    return table, told


def read_requests(workload: Workload) -> tuple[RequestTable, tuple[str, ...]]:
    """The same, for whichever cluster.

    Raises:
        InputError: a trace that cannot be read, or a point that is no traffic.
    """
    if isinstance(workload, Trace):
        found = told_trace(workload)
        return found.table, found.notes
    if isinstance(workload, Synthetic):
        return draw_requests(workload), ()
    raise InputError(
        f"a {workload.kind} point is no traffic to simulate",
        field="workload.kind",
        remedy="ask it with predict, or give a synthetic or trace workload",
    )


def cluster_settings(
    scenario: Scenario, cluster: Cluster, keep_events: bool = False
) -> ClusterSettings:
    """How the cluster serves the scenario's users or arrivals.

    The deployment's router chooses among replicas that read prompts; of those that answer
    alone, the emptiest takes each answer. Failures count replicas in the order of the pools.
    """
    loop = _closed_loop(scenario.workload)
    first, last = cluster.pools[0], cluster.pools[-1]
    transfer = None
    if first is not last:
        links = min(first.replicas, last.replicas)
        transfer = Transfer(cluster.transfer_s, links=links)
    return ClusterSettings(
        pools=tuple(_served_by(pool) for pool in cluster.pools),
        ordering=ordering(scenario.deployment.policy),
        router=router(scenario.deployment.scheduling.router),
        users=None if loop is None else loop.users,
        think_s=0.0 if loop is None else loop.think_time,
        ramp_s=0.0 if loop is None else loop.ramp_up,
        failures=tuple(
            Failure(f.replica, f.at, f.restart) for f in scenario.deployment.scheduling.failures
        ),
        ttft_limit_s=scenario.objectives.ttft or 0.0,
        transfer=transfer,
        keep_events=keep_events,
    )


def _closed_loop(workload: Workload) -> ClosedLoop | None:
    arrivals = workload.arrivals if isinstance(workload, Synthetic) else None
    return arrivals if isinstance(arrivals, ClosedLoop) else None


def _served_by(pool: Pool) -> ServingPool:
    replica = pool.replica
    replica.step_table.forget()
    chosen = replica.deployment.scheduling.steps or replica.profile.scheduling
    # Prompts alone look for cached prefixes, so tiers behind the cache serve their pool.
    limits = replica.limits if pool.role == "decode" else with_cache_tiers(replica)
    return ServingPool(replica.step_table, limits, COMPOSITIONS[chosen], pool.replicas, pool.role)


def describe(workload: Workload) -> str:
    """The workload in a few words: who asks, how often, or which file is replayed."""
    if isinstance(workload, Trace):
        scaled = "" if workload.time_scale == 1 else f", gaps × {workload.time_scale:g}"
        if workload.rate is not None:
            scaled = f", {workload.rate:g} a second"
        return f"trace {workload.file.name}{scaled}"
    if not isinstance(workload, Synthetic):
        return f"one {workload.kind} point"
    arrivals = workload.arrivals
    if isinstance(arrivals, ClosedLoop):
        users = "1 user" if arrivals.users == 1 else f"{arrivals.users} users"
        return f"{users} in a closed loop"
    return f"{arrivals.process} arrivals, {arrivals.rate:g} a second"
