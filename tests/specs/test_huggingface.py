"""Reading config.json files as they are: every family, every quantisation, every refusal."""

import json

import pytest

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.graph.parameters import count_parameters
from simulator.specs import catalogue
from simulator.specs.huggingface import read_config

NOT_SHAPES = {"BitNet-dummy-benchmark-shapes", "LFM2.5-1.2B"}
"""A table of several shapes, and facts of a model card without dimensions."""

LLAMA = {
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
}


def read(**changes):
    content = {k: v for k, v in {**LLAMA, **changes}.items() if v is not ...}
    return read_config(content, name="test", title="Test", file="config.json")


def refused(**changes):
    with pytest.raises(InputError) as error:
        read(**changes)
    return error.value


def test_every_known_config_loads_and_builds(shared_data):
    files = sorted((shared_data / "hf_configs").glob("*.json"))
    assert files
    for file in files:
        if file.stem in NOT_SHAPES:
            continue
        model = catalogue.model(str(file))
        assert build(model).weight_bytes > 0, file.stem


def test_a_config_gives_the_same_model_as_the_catalogue(shared_data):
    folder = shared_data / "hf_configs"
    for file, name in [
        ("Qwen3.5-397B-A17B", "qwen3.5-397b-a17b"),
        ("DeepSeek-V4-Pro", "deepseek-v4-pro"),
        ("Kimi-K3", "kimi-k3"),
        ("MiniMax-M3", "minimax-m3"),
        ("gpt-oss-20b", "gpt-oss-20b"),
        ("Engram-40B", "engram-40b"),
        ("GLM-5.2", "glm-5.2"),
        ("LFM2-1.2B", "lfm2.5-1.2b"),
    ]:
        mine, theirs = catalogue.model(str(folder / f"{file}.json")), catalogue.model(name)
        assert mine.layers == theirs.layers, name
        assert count_parameters(mine).total == count_parameters(theirs).total, name
        assert mine.weight_precision == theirs.weight_precision, name


def test_deepseeks_own_inference_config_is_the_same_model(shared_data):
    own = catalogue.model(str(shared_data / "hf_configs" / "DeepSeek-V3-inference-config.json"))
    theirs = catalogue.model("deepseek-v3")
    assert own.weight_precision == theirs.weight_precision
    # It does not tell the bias of each expert's score.
    biases = 58 * 256
    assert count_parameters(own).total == count_parameters(theirs).total - biases


def test_a_folder_with_a_config_is_a_model(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    assert len(catalogue.model(str(tmp_path)).layers) == 2


@pytest.mark.parametrize("field", ["hidden_size", "num_hidden_layers", "num_attention_heads"])
def test_a_missing_field_is_named(field):
    error = refused(**{field: ...})
    assert error.field == field
    assert "missing" in error.problem
    assert error.file == "config.json"


def test_a_wrong_value_is_shown():
    assert "-4" in refused(hidden_size=-4).problem
    assert refused(hidden_size="256").field == "hidden_size"


def test_an_unknown_architecture_is_refused_with_the_nearest():
    error = refused(model_type="qwen33")
    assert error.field == "model_type"
    assert "qwen3" in error.remedy


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"layer_types": ["full_attention", "ring_attention"]}, "layer_types"),
        ({"layer_types": ["full_attention"]}, "layer_types"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "sliding_window"),
        ({"num_key_value_heads": 3}, "num_key_value_heads"),
        ({"torch_dtype": "int3"}, "torch_dtype"),
        ({"expert_dtype": "fp4"}, "expert_dtype"),
        ({"model_type": "deepseek_v4", "head_dim": 64}, "compress_ratios"),
        ({"model_type": "qwen3_next"}, "linear_num_key_heads"),
        ({"model_type": "kimi_linear"}, "linear_attn_config.head_dim"),
        ({"num_local_experts": 4, "num_experts_per_tok": 5}, "feedforward"),
    ],
)
def test_what_is_not_understood_is_named(fields, field):
    assert refused(**fields).field == field


def test_an_excerpt_without_architecture_says_how_it_is_read():
    assert "grouped-query" in read(model_type=...).assumptions[0]


def test_an_unknown_kind_of_hybrid_layer_is_named():
    error = refused(
        model_type="lfm2", conv_L_cache=3, layer_types=["conv", "mamba"], block_ff_dim=512
    )
    assert error.field == "layer_types"
    assert "'mamba'" in error.problem


@pytest.mark.parametrize(
    ("scheme", "precision"),
    [
        ({"quant_method": "fp8"}, "fp8"),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8_block"),
        ({"quant_method": "mxfp4"}, "bf16"),
        ({"quant_method": "bitnet"}, "ternary"),
        ({"quant_method": "awq", "bits": 4}, "w4a16"),
        ({"quant_method": "gptq", "bits": 8}, "w8a16"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8"),
        (
            {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["model.*.self_attn*"]},
            "nvfp4",
        ),
    ],
)
def test_quantisation_methods(scheme, precision):
    assert read(quantization_config=scheme).weight_precision == precision


def group(bits, kind, activations=True, **more):
    weights = {"num_bits": bits, "type": kind, **more.pop("weights", {})}
    return {"weights": weights, "input_activations": {} if activations else None, **more}


@pytest.mark.parametrize(
    ("groups", "ignore", "precision"),
    [
        ([group(8, "float")], [], "fp8"),
        ([group(8, "float", weights={"block_structure": [128, 128]})], [], "fp8_block"),
        ([group(8, "int")], [], "int8"),
        ([group(4, "int", False)], ["lm_head"], "w4a16"),
        ([group(4, "int", False)], ["re:.*self_attn.*"], "w4a16"),
        ([group(4, "float", False, weights={"group_size": 32})], ["re:.*self_attn.*"], "mxfp4"),
        ([group(4, "float")], [], "nvfp4"),
        (
            [
                group(8, "float", weights={"block_structure": [128, 128]}, targets=["attn"]),
                group(4, "float", targets=["re:.*mlp.*(gate|up|down)_proj$"]),
            ],
            [],
            "nvfp4",
        ),
    ],
)
def test_compressed_tensors(groups, ignore, precision):
    scheme = {
        "quant_method": "compressed-tensors",
        "config_groups": {f"group_{i}": g for i, g in enumerate(groups)},
        "ignore": ignore,
    }
    assert read(quantization_config=scheme).weight_precision == precision


@pytest.mark.parametrize(
    ("scheme", "field"),
    [
        ({"quant_method": "magic"}, "quantization_config.quant_method"),
        ({"quant_method": "awq", "bits": 7}, "quantization_config.bits"),
        ({"quant_method": "modelopt", "quant_algo": "FP3"}, "quantization_config.quant_algo"),
        (
            {"quant_method": "compressed-tensors", "config_groups": {}},
            "quantization_config.config_groups",
        ),
        (
            {"quant_method": "compressed-tensors", "config_groups": {"g": group(3, "int")}},
            "quantization_config.config_groups.g.weights.num_bits",
        ),
    ],
)
def test_a_quantisation_that_is_not_understood_is_named(scheme, field):
    assert refused(quantization_config=scheme).field == field


def test_experts_of_another_datatype_need_the_rest_to_be_told():
    scheme = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    assert read(expert_dtype="fp4", quantization_config=scheme).weight_precision == "mxfp4_fp8"
    assert refused(expert_dtype="fp5", quantization_config=scheme).field == "expert_dtype"


def test_the_text_config_of_a_multimodal_model_is_the_decoder():
    vision = {
        "depth": 2, "hidden_size": 64, "num_heads": 4, "intermediate_size": 128,
        "patch_size": 14, "spatial_merge_size": 2, "out_hidden_size": 256,
    }  # fmt: skip
    model = read_config(
        {"model_type": "qwen3_vl", "text_config": {**LLAMA, "model_type": "qwen3_vl_text"},
         "vision_config": vision, "tie_word_embeddings": True},
        name="vl", title="VL",
    )  # fmt: skip
    assert model.tied_embeddings
    assert model.vision.merge == 2
    assert model.vision.tokens(280, 280) == 100


def test_windows_by_family():
    windows = {
        "mistral": [32, 32],
        "qwen2": [None, None],
        "gemma2": [32, None],
    }
    for family, expected in windows.items():
        layers = read(model_type=family, sliding_window=32).layers
        assert [getattr(layer.attention, "window", None) for layer in layers] == expected, family
