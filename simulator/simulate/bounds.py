"""How much one simulation takes on; more is refused before it begins, with the limit."""

import numpy as np

from simulator.errors import InputError
from simulator.serving.traffic.request import RequestTable
from simulator.simulate.cluster import Cluster
from simulator.specs.arrivals import ClosedLoop
from simulator.specs.workload import Synthetic, Workload

MOST_REPLICAS = 500
"""Replicas that are simulated one by one: each request looks at all of them."""

MOST_PROMPT_STEPS = 100_000
"""Steps that prompts may take in all, two seconds of work; more where requests are many."""

_STEPS_PER_PROMPT = 1000
"""A million tokens in steps of a thousand."""

LATEST_S = 1e9
"""Where a simulation may end at the latest: its clock then still tells microseconds apart."""


def check_bounded(workload: Workload, cluster: Cluster, table: RequestTable) -> None:
    """Refuse what would take for ever, or run past the end of the clock.

    Raises:
        InputError: names the field and the limit.
    """
    if cluster.replicas > MOST_REPLICAS:
        raise InputError(
            f"{cluster.replicas} replicas are too many to simulate one by one; the limit is "
            f"{MOST_REPLICAS}",
            field="deployment.replicas",
            remedy="simulate a part of them under the same part of the load",
        )
    _check_clock(workload, table)
    _check_prompts(cluster, table)


def _check_clock(workload: Workload, table: RequestTable) -> None:
    ends_s = float(table.arrival_s.max(initial=0.0)) + _longest_pauses_s(workload, table)
    if not ends_s <= LATEST_S:
        raise InputError(
            f"requests come until {ends_s:.3g} s; a simulation ends at {LATEST_S:.0e} s at the "
            "latest",
            field="workload",
            remedy="give fewer requests, a higher rate, shorter pauses, or a smaller time_scale",
        )


def _longest_pauses_s(workload: Workload, table: RequestTable) -> float:
    """Pauses between answers and what follows them, added up where they are longest."""
    arrivals = workload.arrivals if isinstance(workload, Synthetic) else None
    pauses_s = 0.0
    if isinstance(arrivals, ClosedLoop):
        pauses_s = arrivals.ramp_up + arrivals.think_time * len(table) / arrivals.users
    if table.delay_s is not None and table.session is not None:
        pauses_s += float(np.bincount(np.maximum(table.session, 0), table.delay_s).max())
    elif table.delay_s is not None:
        pauses_s += float(table.delay_s.sum())
    return pauses_s


def _check_prompts(cluster: Cluster, table: RequestTable) -> None:
    limits = cluster.prompts.limits
    if not limits.chunked_prefill:
        return
    # Longer ones are turned away at the door.
    taken = table.input_tokens[table.input_tokens <= limits.max_context]
    steps = int(np.ceil(taken / limits.max_batched_tokens).sum())
    most = max(MOST_PROMPT_STEPS, _STEPS_PER_PROMPT * len(table))
    if steps > most:
        raise InputError(
            f"prompts take {steps:,} steps of at most {limits.max_batched_tokens} tokens; the "
            f"limit is {most:,}",
            field="deployment.max_batched_tokens",
            remedy="give a larger one, or fewer and shorter prompts",
        )
