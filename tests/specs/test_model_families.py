"""Families of models as data: every file is whole, and public configs have their published size."""

from pathlib import Path

import pytest
import yaml

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.graph.parameters import count_parameters
from simulator.specs import catalogue
from simulator.specs.huggingface import family as families
from simulator.specs.huggingface import read_config
from simulator.specs.huggingface.layers import MIXERS
from simulator.specs.huggingface.pattern import words_of
from simulator.specs.reading import read_mapping

PUBLIC = read_mapping(Path(__file__).with_name("public_configs.yaml"))
NOT_SHAPES = {"BitNet-dummy-benchmark-shapes", "LFM2.5-1.2B"}
SMALL = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4, "vocab_size": 100,
    "num_attention_heads": 4, "num_key_value_heads": 2,
}  # fmt: skip


def read(**fields):
    return read_config({**SMALL, **fields}, name="test", title="Test", file="config.json")


def attention(model):
    return [layer.attention for layer in model.layers]


@pytest.mark.parametrize("name", families.known_families())
def test_a_family_is_whole(name):
    family = families.family_called(name)
    assert family is not None
    assert family.source
    words = words_of(family)
    used = {
        word
        for rule in (family.cycle, family.listed)
        if rule
        for word in (rule.word, rule.otherwise)
    }
    assert used <= set(words)
    assert {word.mixer for word in words.values()} <= set(MIXERS)
    for word in words.values():
        assert set(word.settings) <= set(families.Family.model_fields)


def test_no_two_families_are_called_alike():
    plain = [name.replace("_", "") for name in families.known_families()]
    assert len(set(plain)) == len(plain)


@pytest.mark.parametrize("repository", PUBLIC)
def test_a_public_config_has_its_published_size(repository):
    entry = PUBLIC[repository]
    model = read_config(entry["config"], name="test", title="Test", file=repository)
    count = count_parameters(model)
    total = count.total + sum(getattr(count, part) for part in entry.get("counts", ()))
    assert total == pytest.approx(entry["parameters"] * 1e9, rel=0.01)
    assert build(model).weight_bytes > 0


def test_the_configs_at_hand_are_as_large_as_the_catalogue_says(shared_data):
    """Whose own figures are held against the published ones; excerpts may lack the draft layer."""
    compared = 0
    for file in sorted((shared_data / "hf_configs").glob("*.json")):
        if file.stem in NOT_SHAPES:
            continue
        name = "deepseek-v3" if file.stem == "DeepSeek-V3-inference-config" else file.stem
        mine, theirs = (count_parameters(catalogue.model(n)).total for n in (str(file), name))
        assert mine == pytest.approx(theirs, rel=0.01), file.stem
        compared += 1
    assert compared == 49


@pytest.mark.parametrize(
    ("architecture", "model_type"),
    [
        ("LlamaForCausalLM", "llama"),
        ("GPTNeoXForCausalLM", "gpt_neox"),
        ("Qwen3_5MoeForConditionalGeneration", "qwen3_5_moe"),
        ("DeepseekV3ForCausalLM", "deepseek_v3"),
        ("GPT2LMHeadModel", "gpt2"),
        ("HunYuanMoEV1ForCausalLM", "hunyuan_v1_moe"),
        ("RWForCausalLM", "falcon"),
        ("ChatGLMModel", "chatglm"),
        ("KimiK25ForConditionalGeneration", "kimi_k25"),
        ("BertForMaskedLM", None),
    ],
)
def test_a_class_name_tells_the_family(architecture, model_type):
    assert families.family_of_architecture(architecture) == model_type


def test_without_a_model_type_the_architecture_decides():
    assert read(architectures=["Qwen2ForCausalLM"]).layers[0].attention.bias
    fields = {"num_key_value_heads": None, "architectures": ["GPTNeoXForCausalLM"]}
    model = read(**fields)
    assert model == read(**fields, model_type="gpt_neox").model_copy(
        update={"assumptions": model.assumptions}
    )
    assert not model.layers[0].feedforward.gated
    assert "gpt_neox" in model.assumptions[0]
    with pytest.raises(InputError, match="NewThingForCausalLM") as error:
        read(architectures=["NewThingForCausalLM"])
    assert error.value.field == "architectures"


@pytest.mark.parametrize(
    ("model_type", "said"), [("olmo7", "olmo3"), ("qwen33", "qwen3"), ("rwkv6", "CONTRIBUTING")]
)
def test_an_unknown_family_is_refused_with_its_relatives_only(model_type, said):
    with pytest.raises(InputError) as error:
        read(model_type=model_type)
    assert error.value.field == "model_type"
    assert said in error.value.remedy
    assert "lfm2" not in error.value.remedy


@pytest.mark.parametrize(
    ("family", "field"),
    [
        ({"like": "lama"}, "family.like"),
        ({"gated_mpl": True}, "family.gated_mpl"),
        ({"like": "gpt2", "norms": 3}, None),
    ],
)
def test_a_model_file_may_describe_its_family(tmp_path, family, field):
    entry = {"name": "mine", "title": "Mine", "source": "me", "config": SMALL, "family": family}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(entry), encoding="utf-8")
    if field is None:
        assert catalogue.model(str(path)).layers[0].norms == 3
        return
    with pytest.raises(InputError) as error:
        catalogue.model(str(path))
    assert error.value.field == field
    assert error.value.file == str(path)


def test_layers_are_told_by_letters_words_cycles_and_lists():
    mamba = {
        "mamba_n_heads": 2, "mamba_d_head": 64, "mamba_d_state": 16, "mamba_n_groups": 1,
        "mamba_d_conv": 4,
    }  # fmt: skip
    letters = read(
        model_type="nemotron_h", hybrid_override_pattern="M*-E", mamba_num_heads=2,
        mamba_head_dim=64, ssm_state_size=16, n_groups=1, conv_kernel=4, n_routed_experts=4,
        num_experts_per_tok=2, moe_intermediate_size=32,
    )  # fmt: skip
    assert [(layer.attention.kind, layer.feedforward.kind) for layer in letters.layers] == [
        ("mamba-2", "none"), ("gqa", "none"), ("no-attention", "dense"), ("no-attention", "moe"),
    ]  # fmt: skip
    words = ["mamba", "attention", "mamba", "mamba"]
    by_words = read(
        model_type="granitemoehybrid", layer_types=words, num_local_experts=0,
        shared_intermediate_size=96, **mamba,
    )  # fmt: skip
    listed = read(model_type="bamba", attn_layer_indices=[1], **mamba)
    assert [kind.kind for kind in attention(by_words)] == [kind.kind for kind in attention(listed)]
    assert by_words.layers[0].feedforward.width == 96
    cycle = read(
        model_type="jamba", attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2,
        expert_layer_offset=0, num_experts=4, num_experts_per_tok=2, mamba_d_state=16,
        mamba_d_conv=4, mamba_expand=2,
    )  # fmt: skip
    assert [(layer.attention.kind, layer.feedforward.kind) for layer in cycle.layers] == [
        ("mamba-1", "moe"), ("gqa", "dense"),
    ] * 2  # fmt: skip


def test_a_list_that_names_layers_beyond_the_last_is_refused():
    with pytest.raises(InputError) as error:
        read(model_type="bamba", attn_layer_indices=[4])
    assert error.value.field == "attn_layer_indices"


def test_windows_follow_the_config():
    def windows(**fields):
        return [kind.window for kind in attention(read(**fields))]

    assert windows(model_type="olmo3", sliding_window=32) == [32, 32, 32, None]
    assert windows(model_type="cohere2", sliding_window_pattern=2) == [4096, None, 4096, None]
    assert windows(model_type="exaone4", sliding_window=None) == [None] * 4
    assert windows(model_type="mistral", sliding_window=None) == [None] * 4
    assert windows(
        model_type="qwen2", use_sliding_window=True, sliding_window=8, max_window_layers=3
    ) == [None, None, None, 8]


def test_layers_of_one_kind_may_have_their_own_heads():
    sliding = read(
        model_type="mimo_v2_flash", hybrid_layer_pattern=[0, 1, 1, 1], sliding_window=16,
        swa_num_key_value_heads=4, swa_head_dim=24, swa_v_head_dim=8, head_dim=16, v_head_dim=8,
        add_swa_attention_sink_bias=True,
    )  # fmt: skip
    full, near = attention(sliding)[:2]
    assert (full.kv_heads, full.head_size, full.value_size, full.sinks) == (2, 16, 8, False)
    assert (near.kv_heads, near.head_size, near.window, near.sinks) == (4, 24, 16, True)
    each = read(model_type="laguna", num_attention_heads_per_layer=[4, 8, 8, 4], head_dim=16)
    assert [kind.query_heads for kind in attention(each)] == [4, 8, 8, 4]


def test_which_layers_route_is_told_by_words():
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    words = ["hash_moe", "dense", "sparse", "moe"]
    model = read(model_type="qwen3_moe", mlp_layer_types=words, **experts)
    assert [layer.feedforward.kind for layer in model.layers] == ["moe", "dense", "moe", "moe"]
    assert [getattr(layer.feedforward, "hash_routed", None) for layer in model.layers] == [
        True, None, False, False,
    ]  # fmt: skip
    with pytest.raises(InputError) as error:
        read(model_type="qwen3_moe", mlp_layer_types=["sparce"] * 4, **experts)
    assert error.value.field == "mlp_layer_types"
    assert "sparse" in error.value.remedy


def test_layers_that_were_searched_one_by_one():
    def block(group, mult):
        return {
            "attention": {"n_heads_in_group": group, "no_op": group is None},
            "ffn": {"ffn_mult": mult, "no_op": mult is None},
        }

    blocks = [block(2, 2.0), block(None, 6.0), block(4, None), block(None, None)]
    sizes = {"num_key_value_heads": None, "intermediate_size": None}
    model = read(model_type="nemotron-nas", block_configs=blocks, **sizes)
    assert [kind.kind for kind in attention(model)] == ["gqa", "no-attention"] * 2
    assert [kind.kv_heads for kind in attention(model)[::2]] == [2, 1]
    # int(2 x 6 x 64 / 3) = 256; 85 is rounded up to it.
    assert [layer.feedforward.width for layer in model.layers[:2]] == [256, 256]
    assert [layer.feedforward.kind for layer in model.layers[2:]] == ["none", "none"]
    assert [layer.additions for layer in model.layers] == [2, 1, 1, 0]
    assert build(model).weight_bytes > 0
    blocks[0]["ffn"]["replace_with_linear"] = True
    with pytest.raises(InputError) as error:
        read(model_type="nemotron-nas", block_configs=blocks, **sizes)
    assert error.value.field.endswith("ffn.replace_with_linear")


def test_single_layers_may_have_sizes_of_their_own():
    single = {"01": {"head_dim": 32}, "3": {"intermediate_size": 256}}
    model = read(model_type="llama", per_layer_config=single)
    assert [kind.head_size for kind in attention(model)] == [16, 32, 16, 16]
    assert [layer.feedforward.width for layer in model.layers] == [128, 128, 128, 256]
    listed = read(model_type="llama", num_key_value_heads=[4, 2, 2, 1])
    assert [kind.kv_heads for kind in attention(listed)] == [4, 2, 2, 1]
    with pytest.raises(InputError) as error:
        read(model_type="llama", per_layer_config={"4": {"head_dim": 32}})
    assert error.value.field == "per_layer_config.4"
    with pytest.raises(InputError) as error:
        read(model_type="llama", num_key_value_heads=[4, 2])
    assert error.value.field == "num_key_value_heads"


def test_an_encoder_that_is_not_understood_is_left_out_and_told():
    model = read(model_type="llama", vision_config={"num_hidden_layers": 2, "hidden_size": 32})
    assert model.vision is None
    assert any("vision encoder is left out" in said for said in model.assumptions)
    assert not read(model_type="llama", vision_config={}).assumptions[1:]
    heard = read(model_type="llama", audio_config={"hidden_size": 8})
    assert "what audio_config describes is left out" in heard.assumptions
    seen = read(
        model_type="llama",
        vision_config={
            "num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2,
            "mlp_ratio": 4, "patch_size": 14,
        },
    )  # fmt: skip
    assert seen.vision.width == 128
    assert not any("vision" in said for said in seen.assumptions)


def test_a_null_is_not_the_default():
    assert read(model_type="gemma2", sliding_window=None).layers[0].attention.window is None
    assert read(model_type="gemma2").layers[0].attention.window == 4096


def test_the_field_that_is_missing_is_named_as_the_file_spells_it():
    fields = {key: value for key, value in SMALL.items() if key != "hidden_size"}
    with pytest.raises(InputError) as error:
        read_config({**fields, "model_type": "gpt2"}, name="t", title="t", file="config.json")
    assert error.value.field == "n_embd"


def test_two_layers_stand_for_one_of_longcat_and_idle_experts_cost_nothing():
    model = read(
        model_type="longcat_flash", num_layers=2, ffn_hidden_size=128, expert_ffn_hidden_size=32,
        n_routed_experts=8, zero_expert_num=4, moe_topk=3, q_lora_rank=16, kv_lora_rank=16,
        qk_nope_head_dim=8, qk_rope_head_dim=8, v_head_dim=8,
    )  # fmt: skip
    assert [layer.feedforward.kind for layer in model.layers] == ["moe", "dense"] * 2
    experts = model.layers[0].feedforward
    # Three of twelve are chosen, one of them idle on average; the dense MLP runs beside.
    assert (experts.top_k, experts.idle_experts, experts.shared_width) == (2, 4, 128)
    router = next(op for op in build(model).operators if op.name == "moe.router")
    assert router.n == 12
