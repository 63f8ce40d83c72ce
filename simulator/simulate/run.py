"""One simulation, from a scenario to its result."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from simulator.economics.breakdown import times
from simulator.serving.cluster import ClusterSettings, Outcome, serve
from simulator.serving.outcome.metrics import Limits, ServingMetrics
from simulator.serving.outcome.remarks import remarks
from simulator.serving.traffic.request import RequestTable
from simulator.simulate.accounts import (
    accounts_of,
    costs_elsewhere,
    every_dollar,
    facts,
    measured,
)
from simulator.simulate.cliffs import cliffs
from simulator.simulate.cluster import Cluster, resolve
from simulator.simulate.figure import Known
from simulator.simulate.figures import figures_of
from simulator.simulate.pricing import (
    BasisCost,
    idle_words,
    nearest_words,
    price_figures,
    unpriced_words,
)
from simulator.simulate.replica import capacity_batch
from simulator.simulate.result import Binding, SimulationResult
from simulator.simulate.serving_point import whole_or_sample
from simulator.simulate.surroundings import Drawing, limits_told
from simulator.simulate.traffic import cluster_settings, describe, told_requests
from simulator.simulate.typical import typical_steps
from simulator.simulate.uncertainty import ReplicaErrors, intervals_of_run, rescaled, widths_of
from simulator.specs.scenario import Scenario

Progress = Callable[[int, int], None]


def simulate(scenario: Scenario, progress: Progress | None = None) -> SimulationResult:
    """Serve the scenario's workload and measure everything.

    ``progress`` is called now and then with (requests ended, requests in all).

    Raises:
        InputError: something in the scenario cannot be used; says what and what to do.
    """
    whole = resolve(scenario)
    asked, cluster, factor = whole_or_sample(scenario, whole)
    table, told = told_requests(asked.workload, cluster)
    settings = cluster_settings(asked, cluster)
    report = None if progress is None else (lambda ended: progress(ended, len(table)))
    outcome = serve(table, settings, report)
    result = summarise(asked, cluster, outcome)
    spread = _intervals(asked, cluster, result, table, settings, outcome)
    notes = (*result.notes, *told, *limits_told(_drawings(whole), scenario.economics))
    result = replace(result, intervals=spread, notes=notes)
    return result if factor == 1 else _for_the_whole(scenario, whole, result, factor)


def _drawings(cluster: Cluster) -> list[Drawing]:
    """All devices at the most that they may draw."""
    return [
        Drawing(
            pool.replica.hardware, pool.devices, pool.devices * pool.replica.device.power.limit_w
        )
        for pool in cluster.pools
    ]


def summarise(scenario: Scenario, cluster: Cluster, outcome: Outcome) -> SimulationResult:
    """Measure an outcome and put prices and explanations beside it; intervals are left out."""
    wanted = scenario.objectives
    metrics = measured(scenario, cluster, outcome)
    prefill, decode = typical_steps(cluster, metrics)
    elsewhere = costs_elsewhere(scenario, cluster, outcome, metrics)
    prices = cluster.prices(scenario.economics)
    nearest = _nearest(elsewhere) if None in prices else None
    known = {
        **facts(scenario, cluster, outcome, metrics),
        **_given(cluster, metrics, prefill, decode),
        **price_figures(scenario.economics, prices, nearest),
    }
    idle = idle_words(scenario.economics, prices)
    unpriced = tuple(
        unpriced_words(hardware, scenario.economics, nearest)
        for hardware in cluster.unpriced(scenario.economics)
    )
    answers = cluster.answers
    return SimulationResult(
        scenario=scenario.name,
        title=scenario.title or title_of(scenario, cluster),
        hardware=" + ".join(cluster.devices_by_name),
        hardware_title=" + ".join(cluster.devices_by_title),
        model=answers.model.name,
        model_title=answers.model.title,
        precision=answers.precision,
        kv_precision=answers.kv_precision,
        engine=answers.profile.name,
        layout=cluster.layout,
        devices=cluster.devices,
        replicas=cluster.replicas,
        metrics=metrics,
        prices=prices,
        elsewhere=elsewhere,
        price_notes=unpriced,
        workload=describe(scenario.workload),
        objectives=Limits(wanted.ttft, wanted.tpot, wanted.e2e),
        prefill=prefill,
        decode=decode,
        figures=figures_of(known, metrics),
        intervals={},
        notes=(*cluster.notes, *_remarks(scenario, cluster, outcome, metrics), *idle, *unpriced),
        sources=cluster.sources,
        records=outcome.records,
        timeline=outcome.timeline.series(),
        breakdown=every_dollar(
            accounts_of(cluster, outcome, metrics.makespan_s, scenario.economics)
        ),
    )


def title_of(scenario: Scenario, cluster: Cluster) -> str:
    """What is run, in a line: of a scenario that has no title, or whose title no longer holds."""
    systems = (
        title if count == 1 else f"{count} × {title}"
        for title, count in cluster.devices_by_title.items()
    )
    model = cluster.answers.model.title
    return f"{model} on {' + '.join(systems)}: {describe(scenario.workload)}"


def _nearest(elsewhere: Sequence[BasisCost]) -> str | None:
    """The nearest basis with a price, in words."""
    if not elsewhere:
        return None
    first = elsewhere[0]
    return nearest_words(first.origin, first.usd_per_device_hour, first.usd_per_million_tokens)


def _given(
    cluster: Cluster,
    metrics: ServingMetrics,
    prefill: Binding,
    decode: Binding,
) -> Known:
    """The figures that a cluster and its typical steps give a simulation of it."""
    answers, pool = cluster.answers, cluster.pools[-1]
    return {
        "step_time_s": decode.step_time_s,
        "bound": decode.bound,
        "bound_prefill": prefill.bound,
        "bound_decode": decode.bound,
        "memory_used_bytes": answers.budget.weights
        + answers.budget.reserve
        + metrics.peak_kv_fraction * max(answers.budget.cache, 0.0),
        "kv_capacity_tokens": answers.kv_capacity_tokens * pool.replicas,
        "max_batch": _held(cluster, metrics),
        "weight_bytes": answers.graph.weight_bytes,
    }


def _held(cluster: Cluster, metrics: ServingMetrics) -> int:
    """Requests of mean length that the cache of all replicas holds at once."""
    mean = (metrics.input_tokens + metrics.output_tokens) / max(metrics.finished, 1)
    held = capacity_batch(cluster.answers, np.array(np.ceil(mean)))
    return int(held) * cluster.pools[-1].replicas


def _remarks(
    scenario: Scenario, cluster: Cluster, outcome: Outcome, metrics: ServingMetrics
) -> list[str]:
    chunked = all(pool.replica.limits.chunked_prefill for pool in cluster.pools)
    found = list(remarks(metrics, chunked_prefill=chunked))
    found += cliffs(scenario.workload, cluster, _held(cluster, metrics))
    if len(cluster.pools) > 1:
        accounts = accounts_of(cluster, outcome, metrics.makespan_s, scenario.economics)
        busy = ", ".join(f"{account.busy_fraction:.0%}" for account in accounts)
        prompt = round(metrics.input_tokens / max(metrics.finished, 1))
        found.append(
            f"the prefill and decode pools were busy {busy} of the time; the cache of a mean "
            f"prompt took {1e3 * cluster.transfer_s(prompt):.2g} ms between them"
        )
    return found


def _intervals(
    scenario: Scenario,
    cluster: Cluster,
    result: SimulationResult,
    table: RequestTable,
    settings: ClusterSettings,
    outcome: Outcome,
) -> Known:
    """What every figure may be off by: see ``uncertainty``."""
    prefill, decode = result.prefill.relative_sigma, result.decode.relative_sigma
    errors = [
        ReplicaErrors.of(
            pool.replica.profile,
            power=pool.replica.device.power_sigma,
            decode=decode,
            prompts=prefill,
            is_told=scenario.deployment.max_batched_tokens is not None,
        )
        for pool in cluster.pools
    ]

    def figures_measured(other: Outcome) -> Known:
        metrics = measured(scenario, cluster, other)
        return figures_of(facts(scenario, cluster, other, metrics), metrics)

    return intervals_of_run(
        result.figures,
        table,
        settings,
        outcome,
        errors=errors,
        measured=figures_measured,
        widths=widths_of(
            decode,
            max(error.power for error in errors),
            facts(scenario, cluster, outcome, result.metrics),
        ),
        warm_up=scenario.warm_up_requests,
    )


_OF_THE_CLUSTER = (
    "output_tokens_per_s", "total_tokens_per_s", "requests_per_s", "goodput_requests_per_s",
    "power_w", "host_power_w", "network_power_w", "cooling_power_w", "wall_power_w", "site_power_w",
    "energy_j", "kv_capacity_tokens", "max_batch",
)  # fmt: skip
"""Figures that grow with the number of replicas."""


def _for_the_whole(
    scenario: Scenario, whole: Cluster, part: SimulationResult, factor: float
) -> SimulationResult:
    """The result of all replicas, from that of a part of them which are one in ``factor``."""
    figures = dict(part.figures)
    for key in _OF_THE_CLUSTER:
        if figures.get(key) is not None:
            figures[key] = figures[key] * factor
    for key in ("kv_capacity_tokens", "max_batch"):
        figures[key] = round(figures[key])
    note = f"{part.replicas} of {whole.replicas} identical replicas were simulated"
    return replace(
        part,
        title=scenario.title or title_of(scenario, whole),
        layout=whole.layout,
        devices=whole.devices,
        replicas=whole.replicas,
        figures=figures,
        intervals=rescaled(part.intervals, part.figures, figures),
        breakdown=times(part.breakdown, factor),
        notes=(*part.notes, note),
    )
