"""A point of a serving benchmark: the requests that its load generator sends, and the answer."""

from dataclasses import replace
from typing import Any

import numpy as np

from simulator.simulate.figures import figures_of
from simulator.simulate.prediction import Prediction, facts, predicted
from simulator.simulate.replica import Replica, capacity_batch
from simulator.simulate.representative import Sample, sample_of
from simulator.simulate.run import simulate
from simulator.simulate.uncertainty import rescaled
from simulator.specs.reading import validate
from simulator.specs.scenario import Scenario
from simulator.specs.workload import ServingPoint, Synthetic

REQUESTS_PER_USER = 10
"""How many requests each user of a closed loop sends, as public benchmarks do."""
FEWEST_REQUESTS = 20
OPEN_REQUESTS = 1000
"""Requests of Poisson arrivals, enough for a queue to settle."""


def served(scenario: Scenario, setup: Replica, point: ServingPoint) -> Prediction:
    """The answer to a scenario that asks for ``point``.

    Raises:
        InputError: see ``simulate``.
    """
    sample = sample_of(setup.deployment.replicas, point.concurrency)
    simulated = {"replicas": sample.replicas, "devices": None}
    deployment = setup.deployment.model_copy(update={} if sample.is_whole else simulated)
    workload = requests_of_point(point, sample)
    result = simulate(
        scenario.model_copy(update={"workload": workload, "deployment": deployment}), setup=setup
    )
    m = result.metrics
    factor = sample.factor
    power_w = m.power_w * factor
    known = {
        **{key: result.figures[key] for key in ("step_time_s", "bound", "memory_used_bytes")},
        **facts(setup, scenario.economics, power_w),
        "output_tokens_per_s": m.output_tokens_per_s * factor,
        "requests_per_s": m.requests_per_s * factor,
        "input_tokens_per_s": m.input_tokens / m.makespan_s * factor,
        "kv_capacity_tokens": setup.kv_capacity_tokens * setup.deployment.replicas,
        "max_batch": int(capacity_batch(setup, np.array(float(point.isl + point.osl))))
        * setup.deployment.replicas,
        "power_w": power_w,
        "prefill_share": m.prefill_share,
    }
    figures = figures_of(known, m)
    spread = rescaled(result.intervals, result.figures, figures)
    found = predicted(setup, scenario.economics, "serve", figures, spread)
    return found if sample.is_whole else replace(found, notes=(*found.notes, sample.note()))


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
