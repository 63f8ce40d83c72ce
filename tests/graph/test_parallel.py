"""Sharding: what each device holds, computes and sends, and which layouts are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.graph.build import Graph, build
from simulator.graph.operator import AttentionCore, Collective, ExpertExchange, Experts, Matmul
from simulator.graph.parallel import Layout, valid_degrees
from simulator.specs.catalogue import model

LLAMA = model("llama-3.1-70b")
DEEPSEEK = model("deepseek-v3")


def matmul_weights(graph: Graph) -> int:
    return sum(op.count * op.parameters for op in graph.operators if isinstance(op, Matmul))


def operators(graph: Graph, kind: type) -> list:
    return [op for op in graph.operators if isinstance(op, kind)]


def named(graph: Graph, name: str):
    return next(op for op in graph.operators if op.name == name)


@pytest.mark.parametrize("tp", [2, 4, 8])
def test_tensor_parallelism_shares_weights_and_cache(tp: int) -> None:
    whole, shard = build(LLAMA), build(LLAMA, Layout(tp=tp))
    assert matmul_weights(shard) * tp == pytest.approx(matmul_weights(whole), rel=1e-3)
    assert shard.weight_bytes * tp == pytest.approx(whole.weight_bytes, rel=2e-3)
    assert shard.kv_bytes_per_token * tp == whole.kv_bytes_per_token


@pytest.mark.parametrize("tp", [16, 32])
def test_kv_heads_are_copied_where_there_are_fewer_than_ranks(tp: int) -> None:
    one_head_each, copies = build(LLAMA, Layout(tp=8)), build(LLAMA, Layout(tp=tp))
    assert copies.kv_bytes_per_token == one_head_each.kv_bytes_per_token
    core = operators(copies, AttentionCore)[0]
    assert (core.query_heads, core.kv_heads) == (64 // tp, 1)


def test_the_latent_cache_is_on_every_tensor_parallel_rank_unless_shared_by_tokens() -> None:
    whole = build(DEEPSEEK)
    assert build(DEEPSEEK, Layout(tp=8)).kv_bytes_per_token == whole.kv_bytes_per_token
    shared = build(DEEPSEEK, Layout(tp=8, dcp=8))
    assert shared.kv_bytes_per_token * 8 == whole.kv_bytes_per_token
    assert shared.kv_bytes(1000.0) * 8 == whole.kv_bytes(1000.0)


def test_data_parallel_attention_keeps_dense_weights_whole_and_spreads_experts() -> None:
    whole = build(DEEPSEEK, weights="fp8")
    spread = build(DEEPSEEK, Layout(dp=8, ep=8), weights="fp8")
    assert matmul_weights(spread) == matmul_weights(whole)
    experts_bytes = sum(op.count * op.parameters for op in operators(whole, Experts))
    assert whole.weight_bytes - spread.weight_bytes == pytest.approx(experts_bytes * 7 / 8)


@pytest.mark.parametrize("ep", [1, 2, 4, 8])
def test_experts_take_the_same_memory_whole_or_cut(ep: int) -> None:
    reference = build(DEEPSEEK, Layout(tp=8))
    assert build(DEEPSEEK, Layout(tp=8, ep=ep)).weight_bytes == pytest.approx(
        reference.weight_bytes
    )


def test_redundant_experts_take_memory_on_every_rank() -> None:
    plain = build(DEEPSEEK, Layout(dp=8, ep=8))
    copied = build(DEEPSEEK, Layout(dp=8, ep=8, redundant_experts=32))
    experts = operators(copied, Experts)[0]
    extra = sum(op.count * op.parameters for op in operators(plain, Experts)) * 32 / 256 / 8
    grown = copied.weight_bytes - plain.weight_bytes
    assert grown == pytest.approx(extra * experts.precision.weight_bytes)


@given(st.integers(1, 80))
def test_stages_hold_every_layer_once(pp: int) -> None:
    stages = Layout(pp=pp).stages(80)
    assert len(stages) == pp
    assert sum(stages) == 80
    assert max(stages) - min(stages) <= 1


def test_pipeline_stages_divide_memory_but_not_work() -> None:
    whole, staged = build(LLAMA), build(LLAMA, Layout(pp=4))
    assert matmul_weights(staged) == matmul_weights(whole)
    # The embedding and the head stay at the ends, so the fullest stage has more than a quarter.
    assert 0.25 < staged.weight_bytes / whole.weight_bytes < 0.27
    assert staged.kv_bytes_per_token * 4 == whole.kv_bytes_per_token
    assert 0.25 < staged.stage_share < 0.27


def test_uneven_stages_are_as_slow_as_the_fullest() -> None:
    even = build(LLAMA, Layout(pp=4))
    uneven = build(LLAMA, Layout(pp=4, stage_layers=(10, 30, 30, 10)))
    assert uneven.stage_share == pytest.approx(30 / 80, rel=0.05)
    assert uneven.weight_bytes > even.weight_bytes
    assert uneven.kv_bytes_per_token == pytest.approx(even.kv_bytes_per_token * 1.5)


def test_one_device_sends_nothing() -> None:
    graph = build(LLAMA)
    assert not operators(graph, Collective)
    assert not operators(graph, ExpertExchange)


def test_tensor_parallel_layers_reduce_twice() -> None:
    reduces = operators(build(LLAMA, Layout(tp=8)), Collective)
    per_layer = [op for op in reduces if op.kind == "all_reduce" and op.count >= 80]
    assert sum(op.count for op in per_layer) == 160
    assert {op.bytes_per_row for op in per_layer} == {2.0 * LLAMA.hidden_size}


def test_sequence_parallelism_sends_the_same_bytes_in_halves() -> None:
    plain = build(LLAMA, Layout(tp=8))
    halves = build(LLAMA, Layout(tp=8, sequence_parallel=True))
    kinds = [op.kind for op in operators(halves, Collective) if op.count == 80]
    assert sorted(kinds) == ["all_gather"] * 2 + ["reduce_scatter"] * 2
    assert named(halves, "norm").bytes_per_row * 8 == named(plain, "norm").bytes_per_row


def test_a_fused_all_reduce_does_the_norms_itself() -> None:
    fused = build(LLAMA, Layout(tp=8, fused_all_reduce=True))
    names = {op.name for op in fused.operators}
    assert not names & {"norm", "residual"}
    assert "norm" in {op.name for op in build(LLAMA, Layout(fused_all_reduce=True)).operators}


def test_experts_are_reached_by_exchange_only_under_data_parallelism() -> None:
    gathered = build(DEEPSEEK, Layout(tp=8, ep=8))
    assert not operators(gathered, ExpertExchange)
    sent = operators(build(DEEPSEEK, Layout(tp=2, dp=4, ep=8)), ExpertExchange)
    assert {op.combines for op in sent} == {True, False}
    assert {(op.devices, op.token_shards, op.data_parallel) for op in sent} == {(8, 2, 4)}
    assert sum(op.count for op in sent) == 2 * 58


def test_quantised_experts_get_quantised_tokens_and_return_sums_in_16_bits() -> None:
    graph = build(DEEPSEEK, Layout(dp=8, ep=8), weights="fp8_block")
    sizes = {op.name: op.bytes_per_value for op in operators(graph, ExpertExchange)}
    assert sizes == {"moe.dispatch": 1 + 4 / 128, "moe.combine": 2.0}


def test_only_experts_that_a_token_visits_see_it_when_tokens_are_sent() -> None:
    layout = Layout(dp=64, ep=64, expert_exchange="normal")
    experts = operators(build(DEEPSEEK, layout), Experts)[0]
    assert experts.arrives == pytest.approx(1 - (1 - 1 / 64) ** 8)
    gathered = Layout(dp=64, ep=64, expert_exchange="all_gather")
    assert operators(build(DEEPSEEK, gathered), Experts)[0].arrives == 1.0


@pytest.mark.parametrize(
    ("layout", "field", "remedy"),
    [
        (Layout(tp=3), "tp", "1, 2, 4, 8"),
        (Layout(tp=128), "tp", "64"),
        (Layout(ep=2), "ep", "leave ep out"),
        (Layout(pp=81), "pp", "at most 80"),
        (Layout(pp=2, stage_layers=(40, 39)), "stage_layers", "[40, 40]"),
        (Layout(tp=8, dcp=2), "dcp", "1"),
    ],
)
def test_impossible_layouts_of_a_dense_model(layout: Layout, field: str, remedy: str) -> None:
    with pytest.raises(InputError) as error:
        build(LLAMA, layout)
    assert error.value.field == field
    assert remedy in str(error.value)


@pytest.mark.parametrize(
    ("layout", "field", "remedy"),
    [
        (Layout(dp=72, ep=72), "ep", "32 redundant_experts"),
        (Layout(tp=4, ep=8), "ep", "1, 2, 4"),
        (Layout(tp=256), "tp", "128"),
    ],
)
def test_impossible_layouts_of_a_mixture(layout: Layout, field: str, remedy: str) -> None:
    with pytest.raises(InputError) as error:
        build(DEEPSEEK, layout)
    assert error.value.field == field
    assert remedy in str(error.value)


@given(st.lists(st.integers(1, 512), min_size=1, max_size=4))
def test_valid_degrees_divide_everything(sizes: list[int]) -> None:
    degrees = valid_degrees(sizes)
    assert degrees[0] == 1
    assert all(size % degree == 0 for size in sizes for degree in degrees)
