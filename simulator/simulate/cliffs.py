"""Limits past which serving gets much slower at once; an answer beyond one says so."""

from collections.abc import Iterator
from math import ceil

from simulator.simulate.cluster import Cluster
from simulator.specs.arrivals import ClosedLoop
from simulator.specs.lengths import Fixed
from simulator.specs.workload import Synthetic, Workload, users_of


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
    assert isinstance(workload, Synthetic) and isinstance(workload.arrivals, ClosedLoop)
    first = {
        "phased": "first answers cut at random, as if caught on the way",
        "together": "first answers as long as any",
    }[workload.arrivals.start]
    alike = isinstance(workload.input_tokens, Fixed) and isinstance(workload.output_tokens, Fixed)
    lengths = "all lengths are alike (length_spread 0)" if alike else "lengths differ, as drawn"
    return f"users begin at once, {first} (start {workload.arrivals.start}); {lengths}"
