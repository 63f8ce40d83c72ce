"""FLOPs and bytes of steps: closed forms, conservation, and DeepSeek's published ratios."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nonempty import nonempty

from simulator.graph.build import build
from simulator.graph.operator import AttentionCore, Experts, Indexer, LatentCore, Matmul
from simulator.graph.parameters import count_parameters
from simulator.graph.step_shape import StepShape
from simulator.graph.work import traffic, work
from simulator.specs import catalogue

ONE_OF_EACH = [
    "llama-3.1-8b", "mistral-7b-v0.1", "gemma-3-27b", "gpt-oss-20b", "llama-4-scout",
    "mixtral-8x7b", "deepseek-v3", "deepseek-v3.2", "deepseek-v4-flash", "glm-5.2", "minimax-m3",
    "qwen3.5-397b-a17b", "kimi-k3", "lfm2.5-1.2b", "bitnet-b1.58-2b-4t", "engram-27b",
    "mamba2-2.7b", "bloom-176b",
]  # fmt: skip


def total_flops(graph, step, kinds=(Matmul, Experts)):
    return sum(float(work(op, step).flops) for op in graph.operators if isinstance(op, kinds))


@pytest.mark.parametrize("name", ["llama-3.1-8b", "qwen3-32b", "bloom-176b", "gemma-4-31b"])
@given(batch=st.integers(1, 256), context=st.integers(0, 8000))
def test_dense_products_cost_two_flops_a_parameter_and_token(name, batch, context):
    model = catalogue.model(name)
    graph = build(model)
    in_products = sum(op.count * op.parameters for op in graph.operators if isinstance(op, Matmul))
    count = count_parameters(model)
    assert in_products == pytest.approx(count.active, rel=2e-3)
    decode = total_flops(graph, StepShape.decode(batch, context))
    assert decode == pytest.approx(2.0 * in_products * batch)


@given(prompts=st.integers(1, 8), tokens=st.integers(1, 4000))
def test_attention_of_a_prompt_is_a_triangle(prompts, tokens):
    graph = build(catalogue.model("llama-3.1-8b"))
    step = StepShape.prefill(prompts, tokens)
    pairs = prompts * tokens * (tokens + 1) / 2
    layers, heads, head_size = 32, 32, 128
    expected = layers * pairs * 2 * heads * 2 * head_size
    assert total_flops(graph, step, AttentionCore) == pytest.approx(expected)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_prompt_in_two_halves_does_the_same_work(name):
    graph = build(catalogue.model(name))
    whole = StepShape.of(prefill_sequences=3, prefill_tokens=6000, prefill_logits=0)
    first = StepShape.of(prefill_sequences=3, prefill_tokens=3000, prefill_logits=0)
    second = StepShape.of(
        prefill_sequences=3, prefill_tokens=3000, prefill_past=3000, prefill_logits=0
    )
    for op in nonempty(graph.operators):
        apart = float(work(op, first).flops + work(op, second).flops)
        assert apart == pytest.approx(float(work(op, whole).flops), rel=1e-9)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_mixed_step_is_its_decode_and_its_prefill(name, mixed_step):
    graph = build(catalogue.model(name))
    mixed, phases = mixed_step
    for op in nonempty(graph.operators):
        apart = sum(float(work(op, shape).flops) for shape in phases)
        assert float(work(op, mixed).flops) == pytest.approx(apart)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_arrays_of_steps_agree_with_single_steps(name):
    graph = build(catalogue.model(name))
    batch, context = np.array([1.0, 8.0, 64.0]), np.array([100.0, 5000.0, 120_000.0])
    together = traffic(graph.operators, StepShape.decode(batch, context))
    for i in range(3):
        alone = traffic(graph.operators, StepShape.decode(batch[i], context[i]))
        for kind, amount in nonempty(together.items()):
            assert amount[i] == pytest.approx(float(alone[kind]))


def fp8_equivalent(name, context):
    """FLOPs of one token as DeepSeek counts them: TF32 four times, BF16 twice, FP4 half of FP8."""
    step = StepShape.decode(1, context)
    operators = build(catalogue.model(name)).operators
    weight = {"tf32": 4.0, "bf16": 2.0, "fp8": 1.0, "fp4": 0.5, None: 0.0}
    return sum(weight[op.compute_datatype] * float(work(op, step).flops) for op in operators)


@pytest.mark.parametrize(
    ("name", "compute", "cache"),
    [("deepseek-v4-pro", 0.27, 0.10), ("deepseek-v4-flash", 0.10, 0.07)],
)
def test_v4_against_v32_at_a_million_tokens(name, compute, cache):
    """arXiv:2606.19348, section 1."""
    context = 2**20
    ratio = fp8_equivalent(name, context) / fp8_equivalent("deepseek-v3.2", context)
    assert ratio == pytest.approx(compute, abs=0.02)
    new, old = (build(catalogue.model(n)).kv_bytes(context) for n in (name, "deepseek-v3.2"))
    assert new / old == pytest.approx(cache, abs=0.02)


def test_the_indexer_scores_everything_and_the_core_sees_the_best():
    graph = build(catalogue.model("deepseek-v3.2"))
    step = StepShape.decode(1, 99_999)
    indexer = next(op for op in graph.operators if isinstance(op, Indexer))
    core = next(op for op in graph.operators if isinstance(op, LatentCore))
    assert float(indexer.span.pairs_in(step)[0]) == 100_000
    assert float(core.span.pairs_in(step)[0]) == 2048
    assert work(indexer, step).flops == 61 * 100_000 * 2 * 64 * 128


def test_a_decode_step_reads_all_weights_of_a_dense_model_once():
    graph = build(catalogue.model("llama-3.1-8b"))
    moved = traffic(graph.operators, StepShape.decode(4, 1000))
    embedding = 2.0 * 128256 * 4096
    assert moved["weights"] == pytest.approx(graph.weight_bytes - embedding, rel=1e-3)
    assert moved["cache"] == 4 * 1001 * 131072


@given(batch=st.integers(1, 2000))
def test_experts_read_are_those_touched(batch):
    graph = build(catalogue.model("mixtral-8x7b"))
    read = float(traffic(graph.operators, StepShape.decode(batch, 0))["weights"])
    one = float(traffic(graph.operators, StepShape.decode(1, 0))["weights"])
    assert one <= read * (1 + 1e-12)
    assert read <= graph.weight_bytes


def test_linear_attention_moves_its_state_whatever_the_context():
    graph = build(catalogue.model("qwen3.5-397b-a17b"))
    short, long = (
        traffic(graph.operators, StepShape.decode(16, context)) for context in (10, 200_000)
    )
    assert short["state"] == long["state"] == 2 * 16 * graph.state_bytes_per_sequence


@pytest.mark.parametrize(
    "name", ["mixtral-8x7b", "qwen3-30b-a3b", "gpt-oss-120b", "deepseek-v3", "glm-5", "kimi-k3"]
)
def test_a_mixture_costs_two_flops_for_each_parameter_that_a_token_uses(name):
    model = catalogue.model(name)
    done = total_flops(build(model), StepShape.decode(32, 0))
    assert done == pytest.approx(2.0 * count_parameters(model).active * 32, rel=3e-3)


@pytest.mark.parametrize(
    ("name", "checkpoint_bytes"),
    [
        ("gpt-oss-20b", 12.8 * 2**30),  # arXiv:2508.10925, Table 1
        ("gpt-oss-120b", 60.8 * 2**30),
        ("kimi-k3", 1.56e12),  # the published repository
        ("llama-3.1-8b", 16.06e9),
    ],
)
def test_weights_are_as_large_as_the_checkpoint(name, checkpoint_bytes):
    assert build(catalogue.model(name)).weight_bytes == pytest.approx(checkpoint_bytes, rel=0.01)
