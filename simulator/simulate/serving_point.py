"""A point of a serving benchmark: the requests that its load generator sends."""

from typing import Any

from simulator.errors import InputError
from simulator.simulate.cluster import Cluster, resolve
from simulator.simulate.representative import Sample, sample_of
from simulator.specs.reading import validate
from simulator.specs.scenario import Scenario
from simulator.specs.workload import ServingPoint, Synthetic

REQUESTS_PER_USER = 10
"""How many requests each user of a closed loop sends, as public benchmarks do."""
MOST_BY_DEFAULT = 200_000
"""Requests that are simulated without being asked for by number; they take tens of seconds."""
FEWEST_REQUESTS = 20
OPEN_REQUESTS = 1000
"""Requests of Poisson arrivals, enough for a queue to settle."""


def whole_or_sample(scenario: Scenario, cluster: Cluster) -> tuple[Scenario, Cluster, float]:
    """What is simulated of ``scenario``, on which part of the cluster, and how often it stands.

    Traffic of its own runs on all replicas. A serving point is drawn as requests; on many equal
    replicas a part of them stands for all. Where some of them fail they are not equal.
    """
    point = scenario.workload
    if not isinstance(point, ServingPoint):
        return scenario, cluster, 1.0
    if len(cluster.pools) > 1 or scenario.deployment.scheduling.failures:
        sample = Sample(cluster.replicas, 1.0)
    else:
        sample = sample_of(cluster.replicas, point.concurrency)
    update: dict[str, object] = {"workload": requests_of_point(point, sample)}
    if not sample.is_whole:
        fewer = {"replicas": sample.replicas, "devices": None}
        update["deployment"] = scenario.deployment.model_copy(update=fewer)
        cluster = resolve(scenario.model_copy(update=update))
    return scenario.model_copy(update=update), cluster, sample.factor


def requests_of_point(point: ServingPoint, sample: Sample) -> Synthetic:
    """The requests that the simulated replicas of ``sample`` get of the point's load."""
    if point.concurrency is not None:
        users = sample.users(point.concurrency)
        arrivals: dict[str, Any] = {"process": "closed-loop", "users": users}
        count = max(REQUESTS_PER_USER * users, FEWEST_REQUESTS)
    else:
        assert point.rate is not None
        arrivals = {"process": "poisson", "rate": point.rate / sample.factor}
        count = OPEN_REQUESTS
    if point.requests is not None:
        count = sample.requests(point.requests)
    elif count > MOST_BY_DEFAULT:
        raise InputError(
            f"{count:,} requests would be simulated, {REQUESTS_PER_USER} for each user",
            field="workload.requests",
            remedy=f"say how many are enough, {MOST_BY_DEFAULT} say; or ask for fewer users",
        )
    return validate(
        Synthetic,
        {
            "arrivals": arrivals,
            **_prompts(point.isl, point.length_spread, point.distinct_prompts),
            "output_tokens": _spread(point.osl, point.length_spread),
            "requests": count,
            "seed": point.seed,
        },
        None,
    )


def _prompts(tokens: int, spread: float, distinct: int | None) -> dict[str, Any]:
    """Lengths of prompts; repeated ones are texts shared but for their end."""
    if distinct is None:
        return {"input_tokens": _spread(tokens, spread)}
    shared = max(1, round(tokens * (1 - spread)) - 1)
    own = max(1, tokens - shared)
    return {
        "input_tokens": _spread(own, spread and 1.0),
        "shared_prefix": {"tokens": shared, "groups": distinct},
    }


def _spread(tokens: int, spread: float) -> dict[str, Any]:
    if spread <= 0:
        return {"kind": "fixed", "tokens": tokens}
    low = max(1, round(tokens * (1 - spread)))
    return {"kind": "uniform", "low": low, "high": tokens}
