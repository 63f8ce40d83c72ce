"""Looked-up tables off the device: a published test, and when it stops being free."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.graph.operator import Lookup
from simulator.graph.parallel import Layout
from simulator.graph.step_shape import StepShape
from simulator.memory.tiers import memory_system
from simulator.roofline.device.device import resolve
from simulator.roofline.off_device.exposure import FetchedRows
from simulator.roofline.off_device.host_path import host_path
from simulator.roofline.off_device.offload import offload
from simulator.roofline.step.step import StepModel
from simulator.simulate.predict import predict
from simulator.specs import catalogue
from simulator.specs.kinds.lookup import Engram
from simulator.specs.model import Model
from simulator.specs.offload import Offload, TableOffload, WeightOffload

H200 = catalogue.hardware("h200-sxm")
NOTHING = np.zeros(())
PATH = host_path(memory_system(H200), "host", resolve(H200), field="offload")


def fetched(
    *, row_bytes: float = 320.0, layer: int = 1, rate: str = "h200-sxm", **settings: object
):
    table = Lookup(
        name="rows",
        table_parameters=50_000_000_000,
        bytes_per_value=2.0,
        rows_per_token=16,
        row_bytes=row_bytes,
        earlier_layers=layer,
    )
    hardware = catalogue.hardware(rate)
    path = host_path(memory_system(hardware), "host", resolve(hardware), field="offload")
    return FetchedRows((table,), 36, path, TableOffload.model_validate(settings))


def with_table(model: Model, *, parameters: float) -> Model:
    """``model`` with one table of ``parameters`` values before its second layer."""
    width = model.hidden_size
    table = Engram(
        rows=round(parameters / width), width=width, orders=(2, 3), heads=8, streams=4, layer=1
    )
    first, second, *rest = model.layers
    layers = (first, second.model_copy(update={"lookup": table}), *rest)
    return model.model_copy(update={"layers": layers})


def serving_s(model: Model, settings: Offload | None) -> float:
    """512 prompts of 100 to 1,024 tokens, then as many tokens each, on one H800."""
    hardware = catalogue.hardware("h800")
    found = offload(build(model, None, "bf16"), hardware, resolve(hardware), settings)
    steps = StepModel(found.graph, found.device, catalogue.engine_profile("vllm"), found.plan)
    lengths = np.random.default_rng(0).integers(100, 1025, (2, 512))
    mean = lengths[0].mean()
    prefill = steps.evaluate(StepShape.prefill(16384 / mean, mean)).time_s
    left = np.array([(lengths[1] >= step).sum() for step in range(1, lengths[1].max() + 1)])
    decode = steps.evaluate(StepShape.decode(left, mean + np.arange(left.size))).time_s
    return float(prefill) * lengths[0].sum() / 16384 + float(decode.sum())


@pytest.mark.parametrize(("name", "published"), [("qwen3-4b", 0.0192), ("qwen3-8b", 0.0278)])
def test_a_table_of_100_billion_parameters_on_the_host_costs_what_was_published(
    name: str, published: float
) -> None:
    # arXiv:2601.07372, Table 4: one table before the second block, no cache of hot rows.
    model = catalogue.model(name)
    settings = Offload(tables=TableOffload(collected_by="host"), host_memory=2e12)
    alone = serving_s(model, None)
    beside = serving_s(with_table(model, parameters=100e9), settings)
    assert 1 - alone / beside == pytest.approx(published, abs=0.015)


def test_a_kernel_of_the_device_hides_more_than_cores_of_the_host() -> None:
    by_kernel = fetched().exposed_s(0.02, 256, NOTHING)
    by_cores = fetched(collected_by="host").exposed_s(0.02, 256, NOTHING)
    assert by_kernel < by_cores


@given(st.floats(1e-3, 0.1), st.integers(1, 20000), st.integers(1, 20000))
def test_more_tokens_never_wait_less(base: float, first: int, second: int) -> None:
    few, many = sorted((first, second))
    rows = fetched()
    assert rows.exposed_s(base, few, NOTHING) <= rows.exposed_s(base, many, NOTHING) + 1e-12


def test_later_layers_smaller_rows_and_faster_links_wait_less() -> None:
    def waits(**known) -> float:
        return float(fetched(**known).exposed_s(0.01, 16384, NOTHING))

    assert waits(row_bytes=2560, layer=8) < waits(row_bytes=2560)
    assert waits(row_bytes=64) < waits(row_bytes=2560) < waits(row_bytes=5120)
    assert waits(row_bytes=5120, rate="gh200") < waits(row_bytes=5120)


def test_hot_rows_on_the_device_spare_the_bus() -> None:
    none, some = fetched(), fetched(hot_rows=0.01, skew=1.0)
    assert some.link_bytes(1000) < 0.3 * none.link_bytes(1000)
    assert none.link_bytes(1000) == pytest.approx(1000 * 16 * 320)


def test_a_layer_waits_when_nothing_is_fetched_ahead() -> None:
    ahead, late = fetched(layer=18), fetched(layer=18, prefetch=False)
    waits = late.exposed_s(0.05, 4096, NOTHING)
    assert waits == pytest.approx(float(PATH.gather_s(4096 * 16, 320)))
    assert ahead.exposed_s(0.05, 4096, NOTHING) < waits


def test_the_table_of_a_model_moves_from_the_device_to_the_host_or_a_drive() -> None:
    near = predict("h200-sxm", "engram-27b", batch=32)
    far = predict("h200-sxm", "engram-27b", batch=32, offload={"tables": {"place": "host"}})
    drive = predict("h200-sxm", "engram-27b", batch=32, offload={"tables": {"place": "storage"}})
    assert near.memory_used_bytes is not None
    assert far.memory_used_bytes is not None
    assert near.memory_used_bytes - far.memory_used_bytes == pytest.approx(11.58e9, rel=0.01)
    assert far.step_time_s == pytest.approx(near.step_time_s, rel=0.02)
    assert drive.step_time_s is not None
    assert far.step_time_s is not None
    assert drive.step_time_s > far.step_time_s


@given(st.floats(0.0, 0.05))
def test_the_device_keeps_the_hot_share_of_the_tables_and_no_other(hot_rows: float) -> None:
    graph = build(catalogue.model("engram-27b"))
    assert graph.table_bytes > 0
    plan = offload(graph, H200, resolve(H200), Offload(tables=TableOffload(hot_rows=hot_rows))).plan
    assert plan is not None
    hot_bytes = hot_rows * graph.table_bytes
    assert plan.device_bytes == pytest.approx(graph.weight_bytes + hot_bytes)
    assert plan.bytes_by_tier["host"] == pytest.approx(graph.table_bytes)
    # Where nobody places them they stay.
    here = offload(graph, H200, resolve(H200), None).plan
    assert here is not None
    assert here.device_bytes == pytest.approx(graph.weight_bytes + graph.table_bytes)
    assert here.bytes_by_tier == {"device": here.device_bytes}


def test_tables_larger_than_the_host_are_refused_with_the_sum() -> None:
    model = with_table(catalogue.model("qwen3-4b"), parameters=1e12)
    graph = build(model)
    with pytest.raises(InputError, match="2 TB tables = 2 TB exceed the 250 GB"):
        offload(graph, H200, resolve(H200), Offload(tables=TableOffload()))


@pytest.mark.parametrize(
    ("tp", "told"), [(1, "2 TB"), (4, "500 GB"), (8, "250 GB"), (16, "250 GB")]
)
def test_devices_of_a_host_share_one_copy_of_a_table_and_nothing_else(tp: int, told: str) -> None:
    model = with_table(catalogue.model("llama-3.1-70b"), parameters=1e12)
    graph = build(model, Layout(tp=tp), "bf16")
    tables = Offload(tables=TableOffload(), host_memory=1e9)
    with pytest.raises(InputError, match=f"{told} tables"):
        offload(graph, H200, resolve(H200), tables)
    # What is away of a device's own weights is its own, however many devices a host has.
    weights = WeightOffload(policy="prefetch", layers=40, prefetch_depth=1)
    away = offload(graph, H200, resolve(H200), Offload(weights=weights, host_memory=1e13)).plan
    assert away is not None
    needed = away.bytes_by_tier["host"]
    for room, fits in ((1.01, True), (0.99, False)):
        settings = Offload(weights=weights, host_memory=needed * room)
        if fits:
            offload(graph, H200, resolve(H200), settings)
        else:
            with pytest.raises(InputError, match="weights"):
                offload(graph, H200, resolve(H200), settings)
