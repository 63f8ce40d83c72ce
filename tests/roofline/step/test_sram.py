"""Machines that hold all weights in SRAM: published speeds, and what bounds them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nonempty import nonempty

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.graph.step_shape import StepShape
from simulator.graph.work import work
from simulator.roofline.device.device import resolve
from simulator.roofline.step.sram import SramStepModel, machine_load, spread
from simulator.simulate.predict import predict
from simulator.specs import catalogue

WAFER = "cerebras-wse-3"
LPU = "groq-lpu"

# One user's tokens/s as the makers publish them; the constants were fitted on the first lines.
FITTED = [
    (WAFER, "cerebras", "gpt-oss-120b", 3000),
    (WAFER, "cerebras", "llama-3.1-8b", 1800),
    (WAFER, "cerebras-2024-08", "llama-3.1-8b", 1800),
    (LPU, "groq", "llama-3.3-70b", 280),
    (LPU, "groq", "gpt-oss-20b", 1000),
    (LPU, "groq", "gpt-oss-120b", 500),
]
PREDICTED = [
    (WAFER, "cerebras", "llama-3.1-405b", 969),
    (WAFER, "cerebras", "gemma-4-31b", 1850),
    (WAFER, "cerebras-2024-08", "llama-3.1-70b", 450),
    (LPU, "groq", "llama-3.1-8b", 560),
    (LPU, "groq", "qwen3-32b", 400),
    (LPU, "groq", "llama-4-scout", 750),
]


@pytest.mark.parametrize(("hardware", "engine", "model", "published"), FITTED + PREDICTED)
def test_published_speeds(hardware: str, engine: str, model: str, published: float) -> None:
    found = predict(hardware, model, engine=engine, context=1024)
    assert found.output_tokens_per_s == pytest.approx(published, rel=0.4)
    assert found.bound == "latency"


def test_the_bandwidth_of_the_sram_alone_would_be_wrong_by_hundreds() -> None:
    found = predict(WAFER, "llama-3.1-8b")
    assert found.output_tokens_per_s is not None
    assert 300 * found.output_tokens_per_s < 21e15 / 16e9


def test_a_model_takes_as_many_wafers_as_its_weights_need() -> None:
    assert predict(WAFER, "llama-3.1-8b").devices == 1
    assert predict(WAFER, "llama-3.1-70b").devices == 4
    assert predict(LPU, "llama-3.3-70b").devices > 141e9 / 230e6
    with pytest.raises(InputError, match="need 4 ×"):
        predict(WAFER, "llama-3.1-70b", pp=2)


def test_devices_beyond_one_replica_make_replicas() -> None:
    assert predict(WAFER, "llama-3.1-70b", devices=9).devices == 8
    with pytest.raises(InputError, match="use at least 4"):
        predict(WAFER, "llama-3.1-70b", devices=3)


def model_of(name: str, chips: int | None = None) -> SramStepModel:
    device = resolve(catalogue.hardware(WAFER))
    graph = build(catalogue.model(name))
    machine = spread(graph, device, chips)
    return SramStepModel(graph, device, catalogue.engine_profile("cerebras"), machine)


def test_users_fill_the_pipeline_before_they_slow_each_other() -> None:
    steps = model_of("llama-3.1-8b").evaluate(StepShape.decode(np.array([1, 16, 32, 64]), 1000))
    time_s = steps.time_s
    assert time_s[1] == pytest.approx(time_s[0], rel=0.1)
    assert time_s[2] == pytest.approx(time_s[0], rel=0.15)
    assert time_s[3] > 1.1 * time_s[0]


def test_context_batch_and_prompts_never_make_a_step_shorter() -> None:
    model = model_of("llama-3.1-8b")
    longer = model.evaluate(StepShape.decode(8, np.array([100, 1000, 10000]))).time_s
    assert np.all(np.diff(longer) >= 0)
    prompts = model.evaluate(StepShape.prefill(1, np.array([100, 1000, 10000]))).time_s
    assert np.all(np.diff(prompts) >= 0)
    peak = 15.8e15
    assert prompts[-1] > 10000 * 2 * 7.5e9 / peak


@pytest.mark.parametrize("name", ["llama-3.1-8b", "gpt-oss-20b"])
@given(prompts=st.integers(1, 9), new=st.integers(2, 5000), past=st.integers(0, 5000))
def test_a_token_of_a_prompt_reads_what_one_in_its_middle_reads(name, prompts, new, past) -> None:
    model = model_of(name)
    prompt = StepShape.prefill(prompts, new, past)
    middle = StepShape.decode(prompts * new, past + new / 2)
    for op in nonempty(model.graph.operators):
        if op.driver == "logits":
            continue
        of_prompt = machine_load(op, prompt, model.device, model.machine)
        of_tokens = machine_load(op, middle, model.device, model.machine)
        assert of_prompt.memory_bytes == pytest.approx(of_tokens.memory_bytes, rel=1e-12)


@pytest.mark.parametrize("name", ["llama-3.1-8b", "gpt-oss-20b"])
@pytest.mark.parametrize("chips", [None, 3])
def test_chips_share_the_work_that_the_graph_counts(name, chips) -> None:
    model = model_of(name, chips)
    count = model.machine.chips
    for shape in (StepShape.decode(9, 700), StepShape.prefill(2, 300, 100)):
        for op in nonempty(model.graph.operators):
            found = machine_load(op, shape, model.device, model.machine)
            counted = work(op, shape)
            done = sum(float(flops) for flops in found.flops.values())
            assert done == pytest.approx(float(counted.flops) / count)
            assert set(found.flops) <= set(model.device.peaks)
            # No chip computes faster than its peak, nor in no time.
            assert float(found.time_s) >= done / max(model.device.peaks.values())


def test_a_simulation_runs_on_a_wafer() -> None:
    found = predict(WAFER, "llama-3.1-8b", phase="serve", isl=256, osl=32, concurrency=4)
    assert found.tpot_s is not None
    assert found.tpot_s < 1e-3
