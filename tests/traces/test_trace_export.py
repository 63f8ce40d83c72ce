"""Results in the formats of other tools."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "serving"))
from closed_form_clock import (
    ClosedFormClock,
    random_table,
    serve,
    settings,
)

from simulator.serving.outcome.metrics import Limits, measure
from simulator.specs.deployment import Deployment
from simulator.specs.workload import Trace
from simulator.traces.inferencex import Workers, inferencex
from simulator.traces.perfetto import trace_events, write_perfetto
from simulator.traces.read import read_trace
from simulator.traces.vllm_bench import vllm_bench


@pytest.fixture(scope="module")
def outcome():
    return serve(
        random_table(3, count=200), ClosedFormClock(), settings(replicas=2, keep_events=True)
    )


@pytest.fixture(scope="module")
def metrics(outcome):
    return measure(
        outcome.records, outcome.counters, makespan_s=outcome.makespan_s, devices_per_replica=1,
        idle_w=100.0, kv_blocks=1000, timeline=outcome.timeline, objectives=Limits(ttft_s=0.5),
    )  # fmt: skip


@pytest.fixture
def result(outcome, metrics):
    return vllm_bench(outcome.records, metrics, outcome.timeline, model="m", detailed=True)


def test_a_benchmark_result_has_the_simulations_figures(result, metrics):
    assert result["completed"] == metrics.finished
    assert result["mean_ttft_ms"] == pytest.approx(1e3 * metrics.ttft_s.mean)
    assert result["p99_tpot_ms"] == pytest.approx(1e3 * metrics.tpot_s.p99)
    assert result["median_itl_ms"] == pytest.approx(1e3 * metrics.itl_s.p50)
    assert result["request_rate"] == "inf"
    assert result["output_throughput"] == pytest.approx(metrics.output_tokens_per_s)
    assert 0 < result["max_concurrent_requests"] <= 200
    json.dumps(result, allow_nan=False)


def test_a_benchmark_result_reads_back_as_the_workload(result, outcome, tmp_path):
    file = tmp_path / "result.json"
    file.write_text(json.dumps(result))
    table = read_trace(Trace(kind="trace", file=file))
    start = outcome.records.arrival_s[0]
    np.testing.assert_allclose(table.arrival_s, outcome.records.arrival_s - start)
    assert (table.input_tokens == outcome.records.input_tokens).all()


def test_an_aggregate_counts_per_device_and_in_seconds(result, metrics):
    aggregate = inferencex(
        result, [Workers("h100", Deployment(tp=2, replicas=2))], precision="bf16", isl=300, osl=60,
        energy_j=metrics.energy_j,
    )  # fmt: skip
    assert aggregate["tput_per_gpu"] == pytest.approx(metrics.total_tokens_per_s / 4)
    parts = aggregate["output_tput_per_gpu"] + aggregate["input_tput_per_gpu"]
    assert aggregate["tput_per_gpu"] == pytest.approx(parts)
    assert aggregate["ttft_p99"] == pytest.approx(metrics.ttft_s.p99)
    assert aggregate["intvty_p50"] == pytest.approx(1 / metrics.tpot_s.p50)
    assert aggregate["avg_power_w"] == pytest.approx(metrics.power_w / 4)
    joules = aggregate["joules_per_output_token"] * metrics.output_tokens
    assert joules == pytest.approx(metrics.energy_j)


def test_an_aggregate_of_pools_counts_each_ones_devices(result, metrics):
    pools = [Workers("h100", Deployment(tp=2)), Workers("h200", Deployment(tp=4, replicas=2))]
    aggregate = inferencex(result, pools, precision="bf16", isl=300, osl=60)
    assert aggregate["disagg"]
    assert (aggregate["num_prefill_gpu"], aggregate["num_decode_gpu"]) == (2, 8)
    assert (aggregate["prefill_tp"], aggregate["decode_num_workers"]) == (2, 2)
    assert aggregate["tput_per_gpu"] == pytest.approx(metrics.total_tokens_per_s / 10)
    assert aggregate["output_tput_per_gpu"] == pytest.approx(metrics.output_tokens_per_s / 8)


def test_a_trace_has_a_track_for_each_replica_and_nests(outcome, tmp_path):
    file = tmp_path / "trace.json"
    with file.open("w") as written:
        write_perfetto(written, outcome.events, outcome.records)
    events = json.loads(file.read_text())["traceEvents"]
    assert {e["pid"] for e in events} == {0, 1}
    for replica in (0, 1):
        steps = [e for e in events if e["ph"] == "X" and e["pid"] == replica]
        ends = [e["ts"] + e["dur"] for e in steps]
        assert all(e["ts"] >= end - 1e-3 for e, end in zip(steps[1:], ends, strict=False))
        watts = [e["args"]["watts"] for e in events if e["name"] == "power" and e["pid"] == replica]
        assert all(w == pytest.approx(500.0) for w in watts)
    begins = sum(e["ph"] == "b" for e in events)
    assert begins == sum(e["ph"] == "e" for e in events) == 4 * outcome.records.finished.sum()


def test_steps_of_the_trace_add_up(outcome):
    steps = [e for e in trace_events(outcome.events, outcome.records) if e["ph"] == "X"]
    busy_s = sum(c.busy_s for c in outcome.counters)
    assert sum(e["dur"] for e in steps) / 1e6 == pytest.approx(busy_s)


def test_costs_stand_under_the_benchmarks_names(result):
    one = [Workers("h100-sxm", Deployment(tp=2))]
    aggregate = inferencex(
        result, one, precision="bf16", isl=300, osl=60, usd_per_gpu_hour={"r": 3.6, "n": 1.8}
    )
    assert aggregate["costr"] == pytest.approx(1e3 / aggregate["tput_per_gpu"])
    assert aggregate["costri"] == pytest.approx(1e3 / aggregate["input_tput_per_gpu"])
    assert aggregate["costrOutput"] == pytest.approx(1e3 / aggregate["output_tput_per_gpu"])
    assert aggregate["costn"] == pytest.approx(aggregate["costr"] / 2)
