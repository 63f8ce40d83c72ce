"""A simulated run in the formats of other tools: benchmark results and event traces."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from simulator.economics.basis import on_term
from simulator.errors import InputError, nearest
from simulator.files.locks import reserved
from simulator.files.whole_file import whole_file
from simulator.serving.cluster import Outcome, serve
from simulator.simulate.cluster import Cluster, resolve
from simulator.simulate.result import SimulationResult
from simulator.simulate.run import summarise
from simulator.simulate.traffic import cluster_settings, requests_of
from simulator.specs.arrivals import ClosedLoop
from simulator.specs.economics import DEFAULT_TERM, Economics
from simulator.specs.scenario import Scenario
from simulator.specs.workload import Synthetic
from simulator.traces.inferencex import Owner, Workers, inferencex
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
        content = bench
        if form == "infx":
            content = _inferencex(cluster, scenario.economics, result, outcome, bench)
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
    cluster: Cluster,
    economics: Economics,
    result: SimulationResult,
    outcome: Outcome,
    bench: dict[str, Any],
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
        usd_per_gpu_hour=_prices(cluster, economics),
    )


def _prices(cluster: Cluster, economics: Economics) -> dict[Owner, float]:
    """Dollars for an hour of a device, owned and rented, where both pools' devices have a price.

    Rent is that of the declared basis; where that is of owned devices, rent on demand.
    """
    rented = economics if economics.basis == "rental" else on_term(economics, DEFAULT_TERM)
    asked: dict[Owner, Economics] = {"n": on_term(economics, "purchase"), "r": rented}
    found: dict[Owner, float] = {}
    for owner, on_basis in asked.items():
        prices = cluster.prices(on_basis)
        hours = [
            price.usd_per_hour * pool.devices
            + price.energy.usd_per_kwh * pool.devices * pool.replica.device.power.limit_w / 1e3
            for pool, price in zip(cluster.pools, prices, strict=True)
            if price is not None
        ]
        if len(hours) == len(prices):
            found[owner] = sum(hours) / cluster.devices
    return found
