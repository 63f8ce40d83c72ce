"""Each kind of part against the numbers that its paper or config gives."""

import pytest

from simulator.errors import InputError
from simulator.graph.block import BlockContext
from simulator.graph.build import build, build_vision
from simulator.graph.kinds import lower
from simulator.graph.kinds.residual import depth_rows, mixing_elements
from simulator.graph.operator import AttentionCore, Elementwise, Experts, Lookup, Recurrence
from simulator.graph.parameters import count_parameters
from simulator.graph.step_shape import StepShape
from simulator.graph.vision import image_step
from simulator.graph.work import traffic, work
from simulator.specs import catalogue
from simulator.specs.huggingface import read_config
from simulator.specs.kinds.feedforward import MixtureOfExperts
from simulator.specs.kinds.lookup import Engram
from simulator.specs.kinds.residual import AttentionResidual, HyperConnections, PlainResidual
from simulator.specs.precision import BF16, NATIVE_CACHE


def context_of(hidden):
    return BlockContext(hidden, BF16, BF16, NATIVE_CACHE, 1)


def operators_of(name, kind):
    return [op for op in build(catalogue.model(name)).operators if isinstance(op, kind)]


def test_hyper_connections_move_what_table_2_of_the_paper_says():
    width = 2560
    naive, fused = HyperConnections(streams=4, fused=False), HyperConnections(streams=4)
    assert mixing_elements(naive, width) == (21 * width + 24, 13 * width + 24)
    assert mixing_elements(fused, width) == (13 * width + 24, 5 * width + 24)
    # The product reads all streams once; the two other kernels move the rest of the table.
    for block in (naive, fused):
        product, read_out, mixed = lower(block, context_of(width))
        assert product.k == read_out.row_elements == mixed.row_elements == 4 * width
        moved = (product.k * 2 + read_out.bytes_per_row + mixed.bytes_per_row) * product.count
        assert moved == 2 * 2 * sum(mixing_elements(block, width))
        assert read_out.bytes_per_row == 2 * (5 * width + 24)
    assert (mixed.kernels, mixed.bytes_per_row) == (1, 2 * (9 * width + 24))
    plain = lower(PlainResidual(), context_of(width))[0]
    assert moved > 4 * plain.bytes_per_row


def test_attention_over_the_depth_moves_what_table_1_of_its_paper_says():
    # 128 parts in 8 blocks of 16: 5.5 rows a part (arXiv:2603.15031).
    assert depth_rows(AttentionResidual(layers_per_block=8, blocks=8)) == 5.5
    found = [op for op in operators_of("kimi-k3", Elementwise) if op.name == "residual.depth"]
    assert found[0].bytes_per_row == pytest.approx(2 * (8 / 24 + 5) * 7168 * 2)


def test_hyper_connections_cost_their_mixing_weights():
    block = HyperConnections(streams=4)
    mixing = lower(block, context_of(1000))[0]
    assert mixing.count * mixing.parameters == 2 * 4000 * 24


@pytest.mark.parametrize(("name", "billions"), [("engram-27b", 5.7), ("engram-40b", 18.5)])
def test_engram_tables(name, billions):
    model = catalogue.model(name)
    graph = build(model)
    lookups = operators_of(name, Lookup)
    assert sum(op.count * op.table_parameters for op in lookups) / 1e9 == pytest.approx(
        billions, rel=0.02
    )
    assert graph.table_bytes == 2.0 * count_parameters(model).lookup
    assert {op.earlier_layers for op in lookups} == {2, 15}
    # Sixteen rows of 80 BF16 values, on the device's weights they do not count.
    assert all((op.rows_per_token, op.row_bytes) == (16, 160) for op in lookups)
    assert graph.weight_bytes + graph.table_bytes == pytest.approx(
        2.0 * count_parameters(model).total, rel=1e-3
    )


def test_per_layer_embeddings_are_tables_not_weights():
    model = catalogue.model("gemma-4-e2b")
    count = count_parameters(model)
    assert count.lookup == 35 * 262144 * 256
    assert count.active == pytest.approx(2.3e9, rel=0.01)
    graph = build(model)
    assert graph.table_bytes == 2.0 * count.lookup
    assert graph.weight_bytes == pytest.approx(2.0 * (count.total - count.lookup))


def test_layers_without_a_cache_of_their_own_are_wider():
    layers = catalogue.model("gemma-4-e2b").layers
    assert {(x.attention.shares_kv, x.feedforward.width) for x in layers} == {
        (False, 6144),
        (True, 12288),
    }


def test_engram_fetches_bytes_by_token_only():
    block = Engram(rows=1000, width=1280)
    lookup = lower(block, context_of(64))[0]
    step = StepShape.decode(10, 5000)
    assert traffic([lookup], step)["tables"] == 10 * 2560
    assert work(lookup, step).flops == 0


def test_gated_delta_net_updates_its_state():
    op = operators_of("qwen3.5-397b-a17b", Recurrence)[0]
    state = 64 * 128 * 128
    assert (op.count, op.state_bytes) == (45, 4 * state)
    assert op.decode_flops_per_row == 6 * state
    assert op.prefill_flops_per_row > op.decode_flops_per_row


def test_compressed_layers_of_v4():
    cores = operators_of("deepseek-v4-flash", AttentionCore)
    spans = {(c.span.window, c.span.compression, c.span.top_k): c.count for c in cores}
    assert spans == {(128, 1, None): 43, (None, 4, 512): 21, (None, 128, None): 20}
    assert all(core.bytes_per_entry == 448 + 2 * 64 for core in cores)


def test_block_sparse_sees_sixteen_blocks():
    cores = operators_of("minimax-m3", AttentionCore)
    assert {c.span.top_k: c.count for c in cores} == {None: 3, 2048: 57}


def test_latent_experts_work_in_the_latent():
    op = operators_of("kimi-k3", Experts)[0]
    assert (op.hidden, op.width, op.experts, op.top_k, op.count) == (3584, 3072, 896, 16, 92)


def test_hash_routed_layers_of_v4():
    layers = catalogue.model("deepseek-v4-pro").layers
    assert [layer.feedforward.hash_routed for layer in layers] == [True] * 3 + [False] * 58


def test_top_k_cannot_exceed_the_experts():
    with pytest.raises(ValueError, match="more than experts"):
        MixtureOfExperts(experts=4, top_k=5, expert_width=8)


def test_sinks_and_windows_alternate_in_gpt_oss():
    cores = operators_of("gpt-oss-20b", AttentionCore)
    assert {c.span.window: c.count for c in cores} == {128: 12, None: 12}


def test_chunks_of_llama_4_leave_every_fourth_layer_alone():
    cores = operators_of("llama-4-maverick", AttentionCore)
    assert {c.span.chunk: c.count for c in cores} == {8192: 36, None: 12}


def test_ternary_weights_take_two_bits():
    graph = build(catalogue.model("bitnet-b1.58-2b-4t"))
    table = 2.0 * 128256 * 2560
    assert graph.weight_bytes == pytest.approx(table + 2.084e9 / 4, rel=5e-3)


def test_only_the_experts_of_v4_are_fp4():
    ops = build(catalogue.model("deepseek-v4-pro")).operators
    by_name = {op.name: op.precision for op in ops if hasattr(op, "precision")}
    assert by_name["moe.experts"].weight_bits == 4.25
    assert by_name["moe.shared.up"].name == by_name["attention.out"].name == "fp8_block"
    assert by_name["head.logits"].name == "bf16"


def test_an_image_costs_the_encoder_once_and_tokens_in_the_prompt():
    model = catalogue.model("qwen3-vl-4b")
    encoder = model.vision
    assert encoder.tokens(1920, 1080) == 60 * 34
    assert encoder.patches(1920, 1080) == 4 * 60 * 34
    graph = build_vision(model)
    assert graph.weight_bytes == pytest.approx(2.0 * count_parameters(model).vision, rel=1e-3)
    one = image_step(encoder, 1, 8160)
    two = image_step(encoder, 2, 8160)
    done = [sum(float(work(op, step).flops) for op in graph.operators) for step in (one, two)]
    assert done[1] == pytest.approx(2 * done[0])
    attention = next(op for op in graph.operators if isinstance(op, AttentionCore))
    assert work(attention, one).flops == 24 * 8160**2 * 2 * 16 * 2 * 64


def test_a_model_without_eyes_has_no_encoder():
    with pytest.raises(InputError, match="no vision encoder"):
        build_vision(catalogue.model("llama-3.1-8b"))


def test_the_draft_module_of_v3_is_outside_the_published_total():
    count = count_parameters(catalogue.model("deepseek-v3"))
    # The repository holds 685 billion: the module with its own copy of both tables.
    assert count.total + count.draft + 2 * count.embedding == pytest.approx(685e9, rel=2e-3)


def test_a_layer_that_is_half_a_layer_adds_once():
    half = [op for op in operators_of("mamba2-2.7b", Elementwise) if op.name == "residual"]
    whole = [op for op in operators_of("llama-3.1-8b", Elementwise) if op.name == "residual"]
    assert [op.kernels for op in half] == [1]
    assert [op.kernels for op in whole] == [2]
    mixed = catalogue.model("nemotron-3-nano-30b-a3b").layers
    assert {layer.additions for layer in mixed} == {1}


def test_alternating_updates_cost_what_the_reference_implementation_holds():
    config = {
        "model_type": "gemma3n_text", "hidden_size": 2048, "intermediate_size": [16384] * 35,
        "num_hidden_layers": 35, "num_attention_heads": 8, "num_key_value_heads": 2,
        "head_dim": 256, "vocab_size": 262400, "vocab_size_per_layer_input": 262144,
        "hidden_size_per_layer_input": 256, "altup_num_inputs": 4, "laurel_rank": 64,
        "num_kv_shared_layers": 15,
    }  # fmt: skip
    model = read_config(config, name="gemma-3n-e4b", title="Gemma 3n E4B")
    # Gemma3nForCausalLM of transformers 5.24, with the default config.
    assert count_parameters(model).total == pytest.approx(6_835_235_568, rel=1e-6)
    widening = [op for op in build(model).operators if op.name == "residual.widen"]
    assert [(op.n, op.count) for op in widening] == [(3 * 2048, 1)]
    # The last layers read the cache of others: ten sliding of twenty that keep one, four global.
    assert sum(not layer.attention.shares_kv for layer in model.layers) == 20


def test_mixers_side_by_side_remember_what_both_do():
    layer = catalogue.model("falcon-h1-34b").layers[0]
    attention, mamba = layer.attention.branches
    cache = NATIVE_CACHE
    assert layer.attention.cache_bytes_per_token(cache) == attention.cache_bytes_per_token(cache)
    assert layer.attention.state_bytes() == mamba.state_bytes() == 4 * 4096 * 256
    both = attention.cache_bytes(1000, cache) + mamba.cache_bytes(1000, cache)
    assert layer.attention.cache_bytes(1000, cache) == both
    names = {op.name for op in lower(layer.attention, context_of(5120))}
    assert {"attention.core", "attention.recurrence", "attention.add"} <= names


def test_the_first_mamba_keeps_a_state_of_every_channel():
    layer = next(x for x in catalogue.model("jamba-1.5-large").layers if x.attention.kind != "gqa")
    assert layer.attention.state_bytes() == 4 * 16384 * 16
    halves = [op for op in lower(layer.attention.sharded(2), context_of(8192)) if op.parameters]
    wholes = [op for op in lower(layer.attention, context_of(8192)) if op.parameters]
    assert sum(op.parameters for op in halves) * 2 == sum(op.parameters for op in wholes)


def test_a_layer_without_feedforward_has_no_mlp():
    ops = build(catalogue.model("mamba2-2.7b")).operators
    assert not [op for op in ops if op.name.startswith("mlp")]
    assert sum(op.count for op in ops if isinstance(op, Elementwise) and op.name == "norm") == 64
