"""Limits past which serving gets much slower at once; an answer beyond one says so."""

from collections.abc import Iterator
from math import ceil

from simulator.simulate.cluster import Cluster
from simulator.specs.workload import ServingPoint, Synthetic, Workload, users_of


def cliffs(workload: Workload, cluster: Cluster, held: int) -> Iterator[str]:
    """What a closed loop runs into; ``held`` is how many of its requests the cache holds at once.

    Also how the loop starts and how its lengths differ, on which its waiting times hang.
    """
    users = users_of(workload)
    if users is None:
        return
    pool = cluster.pools[-1]
    yield _start_of(workload)
    if held < users:
        yield (
            f"the cache holds the requests of {held} of the {users} users at once: the others "
            "wait for room"
        )
    limits, profile = pool.replica.limits, pool.replica.profile
    decoding = min(ceil(users / pool.replicas), limits.max_sequences)
    if decoding < ceil(users / pool.replicas):
        yield (
            f"a replica runs {decoding} sequences at once (max_sequences), fewer than its "
            f"{ceil(users / pool.replicas)} users"
        )
    captured = profile.captured_tokens
    if 0 < captured < decoding // limits.ranks:
        yield (
            f"steps of {decoding // limits.ranks} sequences are larger than the captured graphs "
            f"({captured} tokens): the host launches them kernel by kernel"
        )


def _start_of(workload: Workload) -> str:
    if isinstance(workload, ServingPoint):
        spread, start = workload.length_spread, workload.start
        lengths = "all lengths alike (length_spread 0)"
        if spread:
            lengths = f"lengths drawn from {1 - spread:.0%} of them upwards (length_spread)"
    else:
        assert isinstance(workload, Synthetic)
        start = getattr(workload.arrivals, "start", "together")
        lengths = "lengths as drawn"
    first = {
        "phased": "first answers cut at random, as if caught on the way",
        "together": "first answers as long as any",
    }[start]
    return f"users begin at once, {first} (start {start}); {lengths}"
