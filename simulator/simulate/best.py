"""An answer at its load, with what the same machine does at best within the objectives beside it.

At a fixed load the cost of a token is the fleet's price over the traffic, so that a larger machine
looks dear where the traffic does not fill it. At its most load it is the machine's own.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from simulator.simulate.answer import Interval
from simulator.simulate.cluster import Cluster, resolve
from simulator.simulate.figure import Known, Value
from simulator.simulate.figures import AT_BEST, FIGURES, figures_of
from simulator.simulate.result import SimulationResult
from simulator.simulate.run import Progress, simulate
from simulator.simulate.saturation import PRECISION, Saturation, objective_words, saturation
from simulator.simulate.serving_point import whole_or_sample
from simulator.simulate.uncertainty import ReplicaErrors, intervals_of_steps, widths_of
from simulator.specs.scenario import Scenario


def at_load_and_best(scenario: Scenario, progress: Progress | None = None) -> SimulationResult:
    """What ``simulate`` answers, with the figures of the most load within the objectives.

    It takes up to ten further, shorter simulations.

    Raises:
        InputError: as ``simulate`` does.
    """
    result = simulate(scenario, progress)
    asked, cluster, factor = whole_or_sample(scenario, resolve(scenario))
    found = saturation(asked, cluster)
    if found is None:
        limits = objective_words(result.objectives)
        note = f"no load keeps {scenario.objectives.attainment:.0%} of requests within {limits}"
        return replace(result, notes=(*result.notes, note))
    figures = {**result.figures, **_figures(found, result, factor)}
    best_of = {key: figures[key] for key in _GIVEN if figures.get(key) is not None}
    at_best = _intervals(scenario, cluster, result, found.known, best_of)
    return replace(
        result,
        figures={f.key: figures[f.key] for f in FIGURES if f.key in figures},
        intervals={**result.intervals, **at_best},
        notes=(*result.notes, *_told(figures)),
    )


_GIVEN = (*AT_BEST, "capacity_fraction")
"""Figures at best that have an interval."""


def _figures(found: Saturation, result: SimulationResult, factor: float) -> dict[str, Value]:
    """The figures at best of all replicas, of which one in ``factor`` was simulated."""
    best = figures_of(found.known)
    most = found.requests_per_s * factor
    return {
        **{key: best.get(of) for key, of in AT_BEST.items()},
        "best_requests_per_s": most,
        "best_output_tokens_per_s": best["output_tokens_per_s"] * factor,
        "best_users": None if found.users is None else round(found.users * factor),
        "best_within": found.words,
        "capacity_fraction": _offered_per_s(result) / most if most else None,
    }


def _offered_per_s(result: SimulationResult) -> float:
    """Requests a second that came; of an overloaded machine they are more than it answers."""
    records = result.records
    span_s = float(np.ptp(records.arrival_s)) if result.overloaded else 0.0
    requests_per_s: float = result.figures["requests_per_s"]
    replicas = requests_per_s / result.metrics.requests_per_s if requests_per_s else 1.0
    return len(records.arrival_s) / span_s * replicas if span_s else requests_per_s


def _intervals(
    scenario: Scenario,
    cluster: Cluster,
    result: SimulationResult,
    known: Known,
    figures: Mapping[str, Value],
) -> dict[str, Interval]:
    """The most load moves as the time of its steps does."""
    errors = [
        ReplicaErrors.of(
            pool.replica.profile,
            power=pool.replica.device.power_sigma,
            decode=result.decode.relative_sigma,
            prompts=result.prefill.relative_sigma,
            is_told=scenario.deployment.max_batched_tokens is not None,
        )
        for pool in cluster.pools
    ]
    step = max(max(error.decode, error.prompts) for error in errors)
    return intervals_of_steps(figures, widths_of(step, max(e.power for e in errors), known))


def _told(figures: Known) -> tuple[str, ...]:
    share, most = figures["capacity_fraction"], figures["best_requests_per_s"]
    if share is None or share <= PRECISION:
        return ()
    return (
        f"this load is {share:.3g} times the {most:.3g} requests/s that the machine takes "
        f"{figures['best_within']}",
    )
