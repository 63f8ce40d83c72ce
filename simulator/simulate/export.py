"""A simulated run in the formats of other tools: benchmark results and event traces."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import InputError, nearest
from simulator.files.locks import reserved
from simulator.files.whole_file import whole_file
from simulator.serving.cluster import Outcome, serve
from simulator.simulate.cluster import Cluster, resolve
from simulator.simulate.result import SimulationResult
from simulator.simulate.run import summarise
from simulator.simulate.traffic import cluster_settings, requests_of
from simulator.specs.arrivals import ClosedLoop
from simulator.specs.scenario import Scenario
from simulator.specs.workload import Synthetic
from simulator.traces.inferencex import Workers, inferencex
from simulator.traces.perfetto import write_perfetto
from simulator.traces.vllm_bench import vllm_bench

FORMATS = ("vllm-bench", "infx", "perfetto")


def export(scenario: Scenario, form: str, path: Path) -> None:
    """Simulate ``scenario`` and write what happened to ``path``, all or nothing.

    ``vllm-bench``: what ``vllm bench serve --save-result --save-detailed`` writes. ``infx``: the
    aggregate of InferenceX. ``perfetto``: a Chrome trace with a track for each replica.

    Raises:
        InputError: an unknown format, a path that cannot be written, or anything that
            ``simulate`` refuses.
    """
    if form not in FORMATS:
        raise InputError(f"unknown format {form!r}", field="format", remedy=nearest(form, FORMATS))
    cluster = resolve(scenario)
    settings = cluster_settings(scenario, cluster, keep_events=form == "perfetto")
    table = requests_of(scenario.workload, cluster)
    with reserved(path), whole_file(path) as file:
        outcome = serve(table, settings)
        if form == "perfetto":
            write_perfetto(file, outcome.events, outcome.records)
            return
        result = summarise(scenario, cluster, outcome)
        bench = _vllm_bench(scenario, result, outcome, detailed=form == "vllm-bench")
        content = bench if form == "vllm-bench" else _inferencex(cluster, result, outcome, bench)
        json.dump(content, file, indent=2)


def _load(scenario: Scenario) -> tuple[float, int | None]:
    """Requests a second where they are drawn so, else without end; and the users of a loop."""
    workload = scenario.workload
    if not isinstance(workload, Synthetic):
        return math.inf, None
    arrivals = workload.arrivals
    if isinstance(arrivals, ClosedLoop):
        return math.inf, arrivals.users
    return arrivals.rate, None


def _vllm_bench(
    scenario: Scenario, result: SimulationResult, outcome: Outcome, detailed: bool
) -> dict[str, Any]:
    rate, users = _load(scenario)
    return vllm_bench(
        outcome.records,
        result.metrics,
        outcome.timeline,
        model=result.model,
        backend=result.engine,
        request_rate=rate,
        max_concurrency=users,
        detailed=detailed,
    )


def _inferencex(
    cluster: Cluster, result: SimulationResult, outcome: Outcome, bench: dict[str, Any]
) -> dict[str, Any]:
    workers = [
        Workers(pool.replica.hardware.name, pool.replica.deployment) for pool in cluster.pools
    ]
    return inferencex(
        bench,
        workers,
        precision=result.precision,
        isl=round(float(np.mean(outcome.records.input_tokens))),
        osl=round(float(np.mean(outcome.records.output_tokens))),
        energy_j=result.metrics.energy_j,
    )
