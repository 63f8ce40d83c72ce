"""What a serving engine adds to a device's own time, and what of the device it reaches."""

import numpy as np
import pytest
from nonempty import nonempty

from simulator.graph.build import build
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.device.under_engine import under_engine
from simulator.roofline.step.step import StepModel
from simulator.specs import catalogue, folders
from simulator.specs.engine_profile import EngineProfile
from simulator.specs.quantity import Quantity


def model(engine: EngineProfile, hardware: str = "h200-sxm") -> StepModel:
    graph = build(catalogue.model("llama-3.1-8b"))
    return StepModel(graph, resolve(catalogue.hardware(hardware)), engine)


def vllm(**changes: object) -> EngineProfile:
    return catalogue.engine_profile("vllm").model_copy(update=changes)


def seconds(engine: EngineProfile, shape: StepShape) -> float:
    return float(model(engine).evaluate(shape).time_s)


def test_uncaptured_steps_are_bound_by_launches() -> None:
    slow_host = vllm(kernel_launch=Quantity(value=1e-3))
    captured, beyond = StepShape.decode(8, 100), StepShape.prefill(1, 1000)
    assert seconds(slow_host, captured) == seconds(vllm(), captured)
    assert seconds(slow_host, beyond) > 0.3
    assert model(slow_host).evaluate(beyond).bound == "host"


def test_short_prompts_launch_their_attention() -> None:
    slow_host = vllm(kernel_launch=Quantity(value=1e-3))
    shape = StepShape.prefill(1, 128)
    layers = 32
    assert seconds(slow_host, shape) >= layers * slow_host.attention_launches * 1e-3


def test_gaps_add_to_every_kernel() -> None:
    gaps = vllm(kernel_gap={"datacenter-gpu": Quantity(value=1e-5)})
    shape = StepShape.decode(1, 100)
    added = seconds(gaps, shape) - seconds(vllm(), shape)
    kernels = sum(float(p.kernels) for _, parts in model(vllm()).loads(shape) for p in parts)
    assert added == pytest.approx(kernels * 1e-5)


def test_each_layer_is_set_up_once_for_prompts() -> None:
    slow = vllm(prompt_layer_start=Quantity(value=0.02))
    layers = 32
    for prompt in (StepShape.prefill(1, 128), StepShape.prefill(1, 4096)):
        assert seconds(slow, prompt) - seconds(vllm(), prompt) == pytest.approx(layers * 0.02)
    decode = StepShape.decode(8, 100)
    assert seconds(slow, decode) == seconds(vllm(), decode)


def test_the_cpu_of_a_chip_is_served_as_a_cpu() -> None:
    graph, shape = build(catalogue.model("llama-3.1-8b")), StepShape.decode(1, 100)
    cpu = resolve(catalogue.hardware("apple-m2-ultra"), "cpu")
    profile = catalogue.engine_profile("llamacpp")

    def time_s(gap: dict[str, Quantity]) -> float:
        step = StepModel(graph, cpu, profile.model_copy(update={"kernel_gap": gap}))
        return float(step.evaluate(shape).time_s)

    gap = Quantity(value=1e-5)
    assert time_s({"unified-memory-soc": gap}) == time_s({})
    assert time_s({"cpu": gap}) > time_s({})


def test_shares_scale_only_their_class() -> None:
    device = resolve(catalogue.hardware("h200-sxm"))
    half = under_engine(device, vllm(compute_share={"datacenter-gpu": Quantity(value=0.5)}))
    peak = device.book.constants["matmul"]["peak_fraction"]
    assert half.book.constants["matmul"]["peak_fraction"] == pytest.approx(peak / 2)
    assert half.book.constants["power"] == device.book.constants["power"]
    other = vllm(compute_share={"cpu": Quantity(value=0.5)})
    assert under_engine(device, other).book.constants["matmul"] == device.book.constants["matmul"]


def test_a_limit_of_bandwidth_binds_fast_memories_only() -> None:
    limited = vllm(bandwidth_limit=Quantity(value=1e12))
    fast = under_engine(resolve(catalogue.hardware("h200-sxm")), limited)
    assert fast.book.constants["matmul"]["bandwidth_fraction"] == pytest.approx(1 / 4.8)
    slow = resolve(catalogue.hardware("l40s"))
    assert (
        under_engine(slow, limited).book.constants["matmul"]["bandwidth_fraction"]
        == slow.book.constants["matmul"]["bandwidth_fraction"]
    )


def test_every_profile_and_class_predicts_a_step() -> None:
    for name in nonempty(folders.names(folders.SPECS / "engine_profiles")):
        for hardware in ("h200-sxm", "rtx-4090", "apple-m4-max", "tpu-v6e", "snapdragon-x-elite"):
            step = model(catalogue.engine_profile(name), hardware).evaluate(
                StepShape.decode(np.array([1, 8]), 512)
            )
            assert np.all(np.isfinite(step.time_s))
            assert np.all(step.time_s > 0)
            assert step.time_s[1] >= step.time_s[0]


def test_interval_widens_without_a_calibration() -> None:
    own = model(vllm(), "h100-sxm").evaluate(StepShape.decode(1, 512))
    assumed = model(vllm(), "h20").evaluate(StepShape.decode(1, 512))
    assert assumed.relative_sigma > own.relative_sigma


def test_llamacpp_on_cuda_leaves_its_vector_kernels_at_the_second_token() -> None:
    graph = build(catalogue.model("gpt-oss-120b"))
    profile = catalogue.engine_profile("llamacpp")

    def time_s(hardware: str, tokens: int) -> float:
        step = StepModel(graph, resolve(catalogue.hardware(hardware)), profile)
        return float(step.evaluate(StepShape.decode(tokens, 512)).time_s)

    for hardware, leaves in (("dgx-spark", True), ("rtx-pro-6000", True), ("apple-m4-max", False)):
        one, two, three = (time_s(hardware, tokens) for tokens in (1, 2, 3))
        assert ((two - one) > 1.5 * (three - two)) is leaves, hardware
