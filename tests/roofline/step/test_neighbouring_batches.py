"""One more sequence: a step never gets shorter by it, and never costs more than two steps would.

A batch can always be run as the next larger shape (with rows that are thrown away) or in two
parts, so no law may ask for more than that. What remains are steps in menus: rows that fill up a
captured graph, tiles of a product. Throughput may fall there, but never by half.
"""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.step.captured import capture_size
from simulator.roofline.step.step import StepModel
from simulator.simulate.predict import predict
from simulator.simulate.replica import replica_of
from simulator.specs import catalogue
from simulator.specs.deployment import Deployment

HARDWARE = sorted(spec.name for spec in catalogue.all_hardware())
MODELS = (
    "llama-3.1-8b", "llama-3.1-70b", "gpt-oss-120b", "qwen3-30b-a3b", "mixtral-8x7b",
    "deepseek-v3", "deepseek-v3.2", "gemma-3-27b", "mamba2-2.7b", "qwen3-next-80b-a3b",
)  # fmt: skip
TILE_EDGE = 1.02
"""A product one row beyond its last whole tile may cost so much more than in two launches."""
ENGINES = ("vllm", "sglang", "trtllm", "generic", "llamacpp")


def model_of(hardware: str, model: str, **deployment: object) -> StepModel:
    """The step model of a replica, whether or not it fits its device."""
    try:
        return replica_of(hardware, model, Deployment(**deployment)).step_model
    except InputError:
        assume(False)
        raise


deployments = st.builds(
    model_of,
    st.sampled_from(HARDWARE),
    st.sampled_from(MODELS),
    engine=st.sampled_from(ENGINES),
    precision=st.sampled_from([None, "fp8", "w4a16"]),
    tp=st.sampled_from([1, 1, 8]),
)


def rows_of(model: StepModel, batch: np.ndarray) -> np.ndarray:
    """Rows that run for a batch of a whole replica: those of its captured graph."""
    size, most = capture_size(batch), model.profile.captured_tokens
    return np.where(size <= most, size, batch)


@settings(max_examples=60)
@given(deployments, st.integers(1, 1500), st.sampled_from([1, 300, 1000, 8000]))
def test_one_more_sequence(model, batch, context):
    before, after = np.array([float(batch)]), np.array([batch + 1.0])
    added = rows_of(model, after) - rows_of(model, before)
    sizes = np.concatenate([before, after, np.maximum(added, 1.0)])
    (less_s, more_s, alone_s), _ = model.times(StepShape.decode(sizes, float(context)))
    assert more_s >= less_s * (1 - 1e-9)
    assert more_s <= (less_s + alone_s) * TILE_EDGE
    assert (batch + 1) / more_s >= 0.5 * batch / less_s


@settings(max_examples=60)
@given(deployments, st.integers(1, 1000), st.integers(1, 1000), st.sampled_from([1, 1000, 8000]))
def test_more_sequences_never_take_less_time(model, one, other, context):
    few, many = sorted((float(one), float(other)))
    (few_s, many_s), _ = model.times(StepShape.decode(np.array([few, many]), float(context)))
    assert many_s >= few_s * (1 - 1e-9)


def step_model(hardware: str, name: str, engine: str, captured: int) -> StepModel:
    profile = catalogue.engine_profile(engine).model_copy(update={"captured_tokens": captured})
    device = resolve(catalogue.hardware(hardware))
    return StepModel(build(catalogue.model(name)), device, profile)


@pytest.mark.parametrize("batch", [129, 200, 256, 257, 700])
def test_a_step_beyond_the_captured_graphs_replays_the_largest_and_one_for_the_rest(batch):
    # Thousands of small kernels: launching each takes longer than running them twice.
    model = step_model("mi455x", "qwen3-30b-a3b", "trtllm", captured=128)
    replays = -(-batch // 128) - 1
    parts = StepShape.decode(np.array([128.0, batch - 128.0 * replays, batch]), 1000.0)
    shares = np.array([replays, 1.0])
    overhead_s = float(model.profile.step_overhead)
    (full_s, rest_s, whole_s), (full_j, rest_j, whole_j) = model.times(parts)
    assert whole_s + replays * overhead_s == pytest.approx(
        float(shares @ [full_s, rest_s]), rel=1e-12
    )
    assert whole_j == pytest.approx(
        float(shares @ [full_j, rest_j]) - replays * overhead_s * model.device.power.idle_w,
        rel=1e-12,
    )
    done = model.evaluate(parts)
    for figure in (done.flops, done.memory_bytes):
        assert figure[2] == pytest.approx(float(shares @ figure[:2]), rel=1e-12)


def test_what_is_quicker_launched_kernel_by_kernel_is():
    # A few large kernels for a long time: nothing is gained by reading the weights twice.
    captured, more = (step_model("h100-sxm", "llama-3.1-70b", "vllm", n) for n in (256, 512))
    shape = StepShape.decode(400.0, 4000.0)
    assert captured.times(shape)[0] == pytest.approx(float(more.times(shape)[0]), rel=0.02)
    assert captured.remarks(shape) == (
        "steps beyond the 256 tokens that vllm captures are launched kernel by kernel",
    )
    assert more.remarks(shape) == ()


def test_rows_that_fill_up_a_graph_attend_to_nothing():
    model = step_model("h100-sxm", "llama-3.1-8b", "vllm", 512)
    shape = StepShape.decode(np.array([33.0, 40.0]), 30_000.0)
    by_law: dict[str, np.ndarray] = {}
    for _, parts in model.loads(shape):
        for part in parts:
            by_law[part.law] = by_law.get(part.law, 0.0) + part.memory_bytes
    few, many = by_law["attention.decode"]
    assert few == pytest.approx(many * 33 / 40, rel=1e-9)
    # Products read the rows of the graph, whatever they hold.
    few, many = by_law["matmul.bf16"]
    assert few == many


def test_an_answer_tells_that_its_step_is_beyond_the_captured_graphs():
    asked = {"engine": "trtllm", "context": 100}
    for batch in (512, [100, 512]):
        assert not [
            n
            for n in predict("mi455x", "qwen3-30b-a3b", batch=batch, **asked).notes
            if "captures" in n
        ]
    for batch in (513, [100, 513]):
        told = predict("mi455x", "qwen3-30b-a3b", batch=batch, **asked).notes
        assert any("512 tokens that trtllm captures replay that graph" in n for n in told)
