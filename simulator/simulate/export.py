"""A simulated run in the formats of other tools: benchmark results and event traces."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import InputError, nearest
from simulator.files import whole_file
from simulator.serving.cluster import Outcome, serve
from simulator.simulate.replica import Replica, replica_of
from simulator.simulate.run import cluster_settings, requests_of, summarise
from simulator.specs.scenario import Scenario
from simulator.specs.workload import ClosedLoop, Synthetic
from simulator.traces.inferencex import inferencex
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
    setup = replica_of(scenario.hardware, scenario.model, scenario.deployment)
    settings = replace(cluster_settings(scenario, setup), keep_events=form == "perfetto")
    outcome = serve(requests_of(scenario), setup.step_table, settings)
    with whole_file(path) as partial:
        if form == "perfetto":
            write_perfetto(partial, outcome.events, outcome.records)
            return
        bench = _vllm_bench(scenario, setup, outcome, detailed=form == "vllm-bench")
        content = bench if form == "vllm-bench" else _inferencex(scenario, setup, outcome, bench)
        partial.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _vllm_bench(
    scenario: Scenario, setup: Replica, outcome: Outcome, detailed: bool
) -> dict[str, Any]:
    result = summarise(scenario, setup, outcome)
    workload = scenario.workload
    arrivals = workload.arrivals if isinstance(workload, Synthetic) else None
    return vllm_bench(
        outcome.records,
        result.metrics,
        outcome.timeline,
        model=setup.model.name,
        backend=setup.profile.name,
        request_rate=getattr(arrivals, "rate", float("inf")),
        max_concurrency=arrivals.users if isinstance(arrivals, ClosedLoop) else None,
        detailed=detailed,
    )


def _inferencex(
    scenario: Scenario, setup: Replica, outcome: Outcome, bench: dict[str, Any]
) -> dict[str, Any]:
    result = summarise(scenario, setup, outcome)
    workload = scenario.workload
    arrivals = workload.arrivals if isinstance(workload, Synthetic) else None
    return inferencex(
        bench,
        scenario.deployment,
        hardware=setup.hardware.name,
        precision=setup.precision,
        isl=round(float(np.mean(outcome.records.input_tokens))),
        osl=round(float(np.mean(outcome.records.output_tokens))),
        concurrency=arrivals.users if isinstance(arrivals, ClosedLoop) else None,
        energy_j=result.metrics.energy_j,
        devices=result.devices,
    )
