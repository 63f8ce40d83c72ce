"""Sharding: ranks together hold the whole model and its cache; what cannot be cut is refused."""

from math import ceil

import pytest

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.graph.parallel import Layout
from simulator.graph.step_shape import StepShape
from simulator.graph.work import work
from simulator.specs import catalogue

LAYOUTS = [
    ("llama-3.1-70b", Layout(tp=8)),
    ("gpt-oss-120b", Layout(tp=8)),
    ("mixtral-8x7b", Layout(tp=4)),
    ("deepseek-r1", Layout(tp=8)),
    ("deepseek-r1", Layout(tp=8, ep=8)),
    ("deepseek-r1", Layout(dp=8, ep=8)),
    ("deepseek-v3.2", Layout(tp=8)),
    ("deepseek-v4-pro", Layout(tp=16, ep=16)),
    ("minimax-m3", Layout(tp=8)),
    ("qwen3.5-397b-a17b", Layout(tp=8)),
    ("kimi-k3", Layout(tp=32, ep=32)),
    ("lfm2.5-1.2b", Layout(tp=4)),
    ("mamba2-2.7b", Layout(tp=4)),
    ("engram-27b", Layout(tp=8)),
    ("bitnet-b1.58-2b-4t", Layout(tp=5)),
    ("jamba-1.5-large", Layout(tp=8)),
    ("nemotron-3-nano-30b-a3b", Layout(tp=2)),
    ("falcon-h1-34b", Layout(tp=4)),
    ("step-3.5-flash", Layout(tp=8)),
    ("longcat-flash", Layout(tp=8, ep=8)),
    ("mimo-v2-flash", Layout(tp=4)),
]


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_ranks_together_hold_the_whole_model(name, layout):
    model = catalogue.model(name)
    whole, rank = build(model), build(model, layout)
    assert layout.devices_per_replica * rank.weight_bytes >= whole.weight_bytes * (1 - 1e-12)
    # Replicated: norms, routers, latent projections, and attention under data parallelism.
    assert rank.weight_bytes < whole.weight_bytes


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_ranks_together_hold_the_whole_cache(name, layout):
    model = catalogue.model(name)
    whole, rank = build(model), build(model, layout)
    assert layout.tp * rank.kv_bytes(10_000) >= whole.kv_bytes(10_000) * (1 - 1e-12)
    assert rank.kv_bytes(10_000) <= whole.kv_bytes(10_000)


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_ranks_together_do_all_the_work(name, layout):
    model = catalogue.model(name)
    whole, rank = build(model), build(model, layout)
    step = StepShape.decode(64, 3000)
    own = StepShape.decode(ceil(64 / layout.dp), 3000)
    done = layout.devices_per_replica * sum(float(work(op, own).flops) for op in rank.operators)
    assert done >= sum(float(work(op, step).flops) for op in whole.operators) * (1 - 1e-9)


def test_a_cut_that_divides_everything_is_exact():
    model = catalogue.model("llama-3.1-70b")
    rank = build(model, Layout(tp=8))
    norms = 2.0 * (161 * 8192)
    assert 8 * (rank.weight_bytes - norms) == build(model).weight_bytes - norms
    assert 8 * rank.kv_bytes_per_token == build(model).kv_bytes_per_token


def test_more_ranks_than_kv_heads_copy_them():
    model = catalogue.model("qwen3.5-397b-a17b")
    assert build(model, Layout(tp=8)).kv_bytes_per_token == 30_720 / 2


@pytest.mark.parametrize(
    ("name", "tp", "said"),
    [("phi-4", 16, "40 heads"), ("deepseek-v4-flash", 16, "8 heads"), ("qwen3.5-27b", 16, "heads")],
)
def test_heads_that_cannot_be_divided_are_told(name, tp, said):
    with pytest.raises(InputError, match=said) as error:
        build(catalogue.model(name), Layout(tp=tp))
    assert error.value.field == "tp"
    assert "nearest" in str(error.value)
