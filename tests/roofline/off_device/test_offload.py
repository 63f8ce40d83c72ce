"""Weights off the device: closed forms, limits of the link, monotonicity."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.memory.tiers import memory_system
from simulator.roofline.device.device import resolve
from simulator.roofline.laws.lookup.constants import LOOKUP
from simulator.roofline.laws.lookup.formula import gather_time_s
from simulator.roofline.off_device.host_path import host_path
from simulator.roofline.off_device.offload import offload
from simulator.roofline.off_device.prefetch import prefetched_step_s
from simulator.simulate.predict import predict
from simulator.specs import catalogue
from simulator.specs.offload import Offload, WeightOffload

H200 = catalogue.hardware("h200-sxm")
DEVICE = resolve(H200)
PATH = host_path(memory_system(H200), "host", DEVICE, field="offload")
seconds = st.floats(1e-5, 1.0)
layouts = st.lists(st.booleans(), min_size=1, max_size=24)


def step_s(**weights: object) -> float:
    settings = {"offload": {"weights": weights}} if weights else {}
    found = predict("h200-sxm", "llama-3.1-8b", batch=8, context=1024, **settings).step_time_s
    assert found is not None
    return found


def test_measured_copies_and_gathers(shared_data: Path) -> None:
    document = json.loads((shared_data / "h200_lab" / "micro.json").read_text())
    copies = [
        abs(float(PATH.copy_s(r["nbytes"], pinned="pageable" not in r["kind"])) / r["s"] - 1)
        for r in document["pcie"]
        if r["kind"] != "bidir"
    ]
    # Fitted on copies to the device; those back start sooner, which shows at a megabyte.
    assert max(copies) < 0.12
    assert np.median(copies) < 0.05
    gathers = [
        abs(float(PATH.gather_s(r["rows"], r["row_bytes"])) / r["s"] - 1)
        for r in document["gather"]
        if r["where"] == "host"
    ]
    assert np.mean(np.array(gathers) < 0.10) > 0.9
    assert np.median(gathers) < 0.05
    for row in document["overlap"]:
        measured = row["with_h2d_s"] / row["base_s"]
        assert PATH.copy_slowdown == pytest.approx(measured, abs=0.05)


def test_rows_from_device_memory_are_faster_than_over_the_bus() -> None:
    near = gather_time_s(DEVICE.book.law(LOOKUP).constants, 1e6, 512, 4.8e12, moves_per_byte=2.0)
    assert near < PATH.gather_s(1e6, 512) / 10


@given(seconds, seconds, layouts, st.integers(1, 6))
def test_a_step_is_never_shorter_than_its_work_or_its_bytes(
    base: float, fetch: float, away: list[bool], depth: int
) -> None:
    step = float(prefetched_step_s(base, fetch, away, depth))
    assert step >= base * (1 - 1e-9)
    assert step >= sum(away) * fetch * (1 - 1e-9)
    assert step <= (base + sum(away) * fetch) * (1 + 1e-9)


@given(seconds, seconds, layouts, st.integers(1, 5))
def test_one_more_buffer_is_never_slower(
    base: float, fetch: float, away: list[bool], depth: int
) -> None:
    shallow = prefetched_step_s(base, fetch, away, depth)
    assert prefetched_step_s(base, fetch, away, depth + 1) <= shallow * (1 + 1e-9)


def test_closed_forms_of_the_prefetch() -> None:
    all_away = [True] * 8
    # One buffer: nothing overlaps. Two: a copy runs beside each layer, the longer counts.
    assert prefetched_step_s(0.8, 0.3, all_away, 1) == pytest.approx(8 * (0.1 + 0.3))
    assert prefetched_step_s(0.8, 0.3, all_away, 2) == pytest.approx(8 * 0.3)
    assert prefetched_step_s(2.4, 0.1, all_away, 2) == pytest.approx(2.4)
    # Every fourth layer away, one buffer: the copy runs beside the three layers that stay.
    one_in_four = [False, False, False, True] * 4
    assert prefetched_step_s(1.6, 0.3, one_in_four, 1) == pytest.approx(1.6)
    assert prefetched_step_s(1.6, 0.5, one_in_four, 1) == pytest.approx(4 * (0.5 + 0.1))


@pytest.mark.parametrize("policy", ["on-demand", "prefetch"])
@pytest.mark.parametrize("gigabytes", [2.0, 6.0, 12.0])
def test_a_decode_step_takes_what_the_bus_needs(policy: str, gigabytes: float) -> None:
    depth = {"prefetch_depth": 2} if policy == "prefetch" else {}
    found = step_s(policy=policy, gigabytes=gigabytes, **depth)
    on_bus = gigabytes * 1e9 / 55.3e9
    assert found >= on_bus
    if gigabytes >= 6:
        assert found == pytest.approx(on_bus, rel=0.15)


@given(st.floats(0.5, 12), st.floats(0.5, 12))
def test_more_off_the_device_is_never_faster(first: float, second: float) -> None:
    few, many = sorted((first, second))
    assert step_s(policy="on-demand", gigabytes=few) <= step_s(policy="on-demand", gigabytes=many)


def test_a_long_prefill_hides_what_a_decode_step_cannot() -> None:
    weights = {"policy": "prefetch", "group": 4, "prefetch_depth": 2}
    arguments = {"phase": "prefill", "batch": 1, "context": 8192}
    alone = predict("h200-sxm", "llama-3.1-8b", **arguments).step_time_s
    beside = predict("h200-sxm", "llama-3.1-8b", offload={"weights": weights}, **arguments)
    assert alone is not None
    assert beside.step_time_s is not None
    assert alone < beside.step_time_s < 1.1 * alone
    assert step_s(**weights) > 5 * step_s()


def test_a_simulation_serves_from_the_same_plan() -> None:
    weights = {"policy": "prefetch", "group": 8, "prefetch_depth": 2}
    arguments = {"phase": "serve", "isl": 256, "osl": 16, "concurrency": 4}
    near = predict("h200-sxm", "llama-3.1-8b", **arguments)
    far = predict("h200-sxm", "llama-3.1-8b", offload={"weights": weights}, **arguments)
    assert near.tpot_s is not None
    assert far.tpot_s is not None
    bytes_away = 4 * 218e6 * 2
    assert far.tpot_s > max(near.tpot_s, bytes_away / 63e9)


def test_weights_off_the_device_leave_room_for_cache() -> None:
    near = predict("h200-sxm", "llama-3.1-70b", precision="fp8", context=1024)
    far = predict(
        "h200-sxm",
        "llama-3.1-70b",
        precision="fp8",
        context=1024,
        offload={"weights": {"policy": "on-demand", "gigabytes": 30}},
    )
    assert near.kv_capacity_tokens is not None
    assert far.kv_capacity_tokens is not None
    assert far.kv_capacity_tokens > near.kv_capacity_tokens


def test_offloading_lets_a_model_run_that_does_not_fit() -> None:
    with pytest.raises(InputError):
        predict("rtx-4090", "qwen3-32b", context=512)
    weights = {"policy": "prefetch", "gigabytes": 48, "prefetch_depth": 1}
    found = predict("rtx-4090", "qwen3-32b", context=512, offload={"weights": weights})
    assert found.step_time_s is not None
    assert found.step_time_s >= 48e9 / 31e9


def test_experts_on_the_device_spare_copies() -> None:
    steps: list[float] = []
    for kept in (0, 32, 96, 128):
        weights = {"policy": "experts", "experts_on_device": kept, "skew": 1.0}
        found = predict("h200-sxm", "qwen3-30b-a3b", batch=1, offload={"weights": weights})
        assert found.step_time_s is not None
        steps.append(found.step_time_s)
    assert steps == sorted(steps, reverse=True)
    resident = predict("h200-sxm", "qwen3-30b-a3b", batch=1).step_time_s
    assert steps[-1] == pytest.approx(resident)


def test_the_host_computes_experts_at_its_own_bandwidth() -> None:
    weights = {"policy": "host-experts", "processor": "xeon-6980p"}
    found = predict("h200-sxm", "qwen3-30b-a3b", batch=1, offload={"weights": weights})
    graph = build(catalogue.model("qwen3-30b-a3b"))
    read = 48 * 8 * 3 * 2048 * 768 * 2
    cpu = resolve(catalogue.hardware("xeon-6980p"))
    assert found.step_time_s is not None
    assert found.step_time_s > read / cpu.bandwidth_bytes_per_s
    assert found.memory_used_bytes is not None
    assert found.memory_used_bytes < graph.weight_bytes / 4
    with pytest.raises(InputError, match="processor"):
        predict("h200-sxm", "qwen3-30b-a3b", offload={"weights": {"policy": "host-experts"}})


@pytest.mark.parametrize("name", ["apple-m4-pro", "dgx-spark"])
def test_unified_memory_refuses_to_copy(name: str) -> None:
    weights = {"policy": "on-demand", "gigabytes": 1}
    with pytest.raises(InputError, match="nothing to copy"):
        predict(name, "llama-3.1-8b", offload={"weights": weights})


def test_others_on_a_unified_memory_slow_the_step() -> None:
    arguments = {"precision": "w4a16", "context": 512}
    alone = predict("apple-m4-pro", "qwen3-4b", **arguments).step_time_s
    beside = predict("apple-m4-pro", "qwen3-4b", offload={"background": 100e9}, **arguments)
    assert alone is not None
    assert beside.step_time_s is not None
    assert alone < beside.step_time_s < 2 * alone


def test_tiers_add_up_to_the_model() -> None:
    graph = build(catalogue.model("llama-3.1-8b"))
    settings = Offload(weights=WeightOffload(policy="prefetch", layers=8, prefetch_depth=1))
    plan = offload(graph, H200, DEVICE, settings).plan
    assert plan is not None
    buffers = plan.device_bytes + plan.bytes_by_tier["host"] - graph.weight_bytes
    assert buffers == pytest.approx(plan.bytes_by_tier["host"] / 8)
    assert float(plan.link_bytes(1)) == pytest.approx(plan.bytes_by_tier["host"])
