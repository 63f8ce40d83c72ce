"""Every quantisation method, module by module: what is left alone is that and nothing else."""

import pytest

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.specs.huggingface import read_config

WIDTH, MLP, LAYERS, HEADS, KV = 1024, 4096, 8, 16, 4
SHAPES = {
    "model_type": "llama", "hidden_size": WIDTH, "intermediate_size": MLP,
    "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV,
    "vocab_size": 2000, "max_position_embeddings": 4096, "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
}  # fmt: skip
HEAD = WIDTH // HEADS
ATTENTION = WIDTH * (2 * WIDTH + 2 * KV * HEAD)
LINEAR = LAYERS * (3 * WIDTH * MLP + ATTENTION)
OUT = WIDTH * WIDTH


def read(scheme, **changes):
    content = {**SHAPES, "quantization_config": scheme, **changes}
    return read_config(content, name="test", title="Test", file="config.json")


def bits(scheme, **changes):
    """Bits of the layers' matrices together."""
    held = build(read(scheme, **changes)).weight_bytes
    plain = build(read(None, **changes)).weight_bytes
    return 16 * LINEAR - 8 * (plain - held)


def group(bits, kind, size=None, **more):
    return {"num_bits": bits, "type": kind, **({"group_size": size} if size else {}), **more}


def tensors(weights, activations=None, **more):
    one = {"targets": ["Linear"], "weights": weights, "input_activations": activations}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": one}, **more}


FLOAT8 = group(8, "float")
QUARK4 = {"dtype": "fp4", "qscheme": "per_group", "group_size": 32}

# Method → its scheme, bits of a weight, and the field under which it lists what it leaves alone.
METHODS = {
    "fp8": ({"quant_method": "fp8"}, 8, "modules_to_not_convert"),
    "fp8 in blocks": (
        {"quant_method": "fp8", "weight_block_size": [128, 128]}, 8 + 32 / 128**2,
        "modules_to_not_convert",
    ),
    "fbgemm": ({"quant_method": "fbgemm_fp8"}, 8, "modules_to_not_convert"),
    "modelopt fp8": ({"quant_method": "modelopt", "quant_algo": "FP8"}, 8, "exclude_modules"),
    "modelopt nvfp4": ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, 4.5, "exclude_modules"),
    "modelopt awq": (
        {"quant_method": "modelopt", "quant_algo": "W4A16_AWQ", "group_size": 128}, 4.125, "ignore",
    ),
    "modelopt w4a8": ({"quant_method": "modelopt", "quant_algo": "W4A8_AWQ"}, 4.125, "ignore"),
    "modelopt mxfp8": ({"quant_method": "modelopt", "quant_algo": "MXFP8"}, 8.25, "ignore"),
    "tensors w4a16": (tensors(group(4, "int", 128)), 4.125, "ignore"),
    "tensors w4a16 in 32": (tensors(group(4, "int", 32)), 4.5, "ignore"),
    "tensors w8a16": (tensors(group(8, "int", strategy="channel")), 8, "ignore"),
    "tensors w8a8": (tensors(group(8, "int"), group(8, "int")), 8 + 16 / 128, "ignore"),
    "tensors fp8": (tensors(FLOAT8, FLOAT8), 8, "ignore"),
    "tensors nvfp4": (tensors(group(4, "float", 16), group(4, "float", 16)), 4.5, "ignore"),
    "tensors nvfp4a16": (tensors(group(4, "float", 16)), 4.5, "ignore"),
    "tensors mxfp4": (tensors(group(4, "float", 32)), 4.25, "ignore"),
    "tensors w4a8": (tensors(group(4, "int", 128), FLOAT8), 4.125, "ignore"),
    "awq": (
        {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True},
        4 + 20 / 128, "modules_to_not_convert",
    ),
    "gptq": ({"quant_method": "gptq", "bits": 4, "group_size": 64}, 4.25, "modules_to_not_convert"),
    "gptq 8": (
        {"quant_method": "gptq", "bits": 8, "group_size": -1}, 8, "modules_to_not_convert",
    ),
    "bnb 4": (
        {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True},
        4 + 8 / 64 + 32 / 16384, "llm_int8_skip_modules",
    ),
    "bnb 8": (
        {"quant_method": "bitsandbytes", "load_in_8bit": True}, 8, "llm_int8_skip_modules",
    ),
    "quark fp8": (
        {
            "quant_method": "quark",
            "global_quant_config": {
                "weight": {"dtype": "fp8_e4m3"}, "input_tensors": {"dtype": "fp8_e4m3"},
            },
        },
        8, "exclude",
    ),
    "quark mxfp4": (
        {
            "quant_method": "quark",
            "global_quant_config": {"weight": QUARK4, "input_tensors": QUARK4},
        },
        4.25, "exclude",
    ),
    "auto-round": (
        {"quant_method": "auto-round", "bits": 4, "group_size": 128, "sym": True}, 4.125,
        "modules_to_not_convert",
    ),
    "auto-round mxfp4": (
        {"quant_method": "auto-round", "bits": 4, "data_type": "mx_fp", "act_bits": 4}, 4.25,
        "modules_to_not_convert",
    ),
    "torchao": (
        {
            "quant_method": "torchao",
            "quant_type": {"default": {"_type": "Float8WeightOnlyConfig", "_data": {}}},
        },
        8, "modules_to_not_convert",
    ),
    "hqq": (
        {
            "quant_method": "hqq",
            "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}},
        },
        4 + 20 / 64, "skip",
    ),
    "mxfp8": ({"quant_method": "mxfp8"}, 8.25, "ignored_layers"),
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_all_matrices_have_the_methods_bits(method):
    scheme, each, _ = METHODS[method]
    assert bits(scheme) == pytest.approx(LINEAR * each, rel=1e-6)


LISTS = {
    "one projection": (["model.layers.3.self_attn.o_proj"], OUT),
    "one of a wrapped decoder": (["language_model.model.layers.3.self_attn.o_proj"], OUT),
    "all of one kind": (["o_proj"], LAYERS * OUT),
    "attention of one layer": (["model.layers.5.self_attn"], ATTENTION),
    "a layer": (["model.layers.0"], ATTENTION + 3 * WIDTH * MLP),
    "by wildcard": (["model.layers.*.self_attn*"], LAYERS * ATTENTION),
    "a layer by wildcard": (["model.layers.7*"], ATTENTION + 3 * WIDTH * MLP),
    "by expression": (["re:.*self_attn.*"], LAYERS * ATTENTION),
    "some layers by expression": ([r"re:model\.layers\.(0|1|2)\.mlp\..*"], 3 * 3 * WIDTH * MLP),
    "fused with its neighbours": (
        ["model.layers.1.self_attn.qkv_proj"], WIDTH * (WIDTH + 2 * KV * HEAD),
    ),
    "one of three that are fused": (["model.layers.1.self_attn.k_proj"], WIDTH * KV * HEAD),
    "the head": (["lm_head"], 0),
    "the tower": (["visual", "vision_tower.encoder.layers.0.self_attn.q_proj"], 0),
    "the router, which a dense model has not": (["model.layers.0.mlp.gate"], 0),
    "a layer that is not there": (["model.layers.61.self_attn"], 0),
}  # fmt: skip


LISTING = [method for method in METHODS if METHODS[method][2] != "skip"]


@pytest.mark.parametrize(
    ("method", "listed"),
    [(method, "one projection") for method in LISTING]
    + [(method, listed) for method in ("modelopt nvfp4", "awq") for listed in LISTS],
)
def test_what_is_left_alone_is_that_alone(method, listed):
    scheme, each, field = METHODS[method]
    names, left = LISTS[listed]
    assert bits({**scheme, field: names}) == pytest.approx(
        LINEAR * each + left * (16 - each), rel=1e-6
    )


MIXED = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}
PARTS = ("gate", "up", "down")


def test_mixed_precision_names_each_module():
    layers = {f"model.layers.{i}.mlp.{p}_proj": {"quant_algo": "NVFP4", "group_size": 16}
              for i in range(LAYERS) for p in ("gate", "up", "down")}  # fmt: skip
    layers |= {
        f"model.layers.{i}.self_attn.{p}_proj": {"quant_algo": "FP8"}
        for i in range(4)
        for p in "qkvo"
    }
    scheme = {
        "quant_method": "modelopt",
        "quant_algo": "MIXED_PRECISION",
        "quantized_layers": layers,
    }
    expected = LAYERS * 3 * WIDTH * MLP * 4.5 + 4 * ATTENTION * (8 + 16)
    assert bits(scheme) == pytest.approx(expected)
    assert "82.8 % nvfp4, 8.62 % fp8, 8.62 % bf16" in read(scheme).assumptions[0]
    with pytest.raises(InputError, match="MIXED_PRECISION") as error:
        read({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"})
    assert error.value.field == "quantization_config.quantized_layers"


def test_mixed_precision_in_groups():
    names = [
        f"model.layers.{i}.mlp.{p}_proj" for i in range(LAYERS) for p in ("gate", "up", "down")
    ]
    four = group(4, "float", 16)
    groups = {
        "group_0": {"targets": names, "weights": four, "input_activations": four},
        "group_1": {"targets": ["re:.*self_attn"], "weights": FLOAT8, "input_activations": FLOAT8},
    }
    expected = LAYERS * (3 * WIDTH * MLP * 4.5 + ATTENTION * 8)
    assert bits({**MIXED, "config_groups": groups}) == pytest.approx(expected)


def test_groups_of_modules_each_their_own_way():
    scheme = tensors(group(4, "float", 16), group(4, "float", 16))
    scheme["config_groups"]["group_0"]["targets"] = ["re:.*mlp.*"]
    scheme["config_groups"]["group_1"] = {
        "targets": ["re:.*self_attn.*"], "weights": FLOAT8, "input_activations": FLOAT8,
    }  # fmt: skip
    expected = LAYERS * (3 * WIDTH * MLP * 4.5 + ATTENTION * 8)
    assert bits(scheme) == pytest.approx(expected)


def test_bits_of_single_modules():
    gptq = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    dynamic = {r"-:.*layers\.0\..*": {}, r"+:.*down_proj": {"bits": 8}}
    down = WIDTH * MLP
    expected = LINEAR * 4.125 + (ATTENTION + 3 * down) * (16 - 4.125)
    expected += (LAYERS - 1) * down * (8.125 - 4.125)
    assert bits({**gptq, "dynamic": dynamic}) == pytest.approx(expected)
    rounded = {"quant_method": "auto-round", "bits": 4, "group_size": 128,
               "extra_config": {"model.layers.0.mlp.down_proj": {"bits": 16}}}  # fmt: skip
    assert bits(rounded) == pytest.approx(LINEAR * 4.125 + down * (16 - 4.125))
    only = {
        "quant_method": "gptq", "bits": 4, "group_size": 128,
        "modules_in_block_to_quantize": [["mlp.gate_proj", "mlp.up_proj"], ["mlp.down_proj"]],
    }  # fmt: skip
    assert bits(only) == pytest.approx(LAYERS * (3 * down * 4.125 + ATTENTION * 16))
    quark = {**METHODS["quark mxfp4"][0], "layer_quant_config": {"*self_attn*": {
        "weight": {"dtype": "fp8_e4m3"}, "input_tensors": {"dtype": "fp8_e4m3"}}}}  # fmt: skip
    assert bits(quark) == pytest.approx(LINEAR * 4.25 + LAYERS * ATTENTION * (8 - 4.25))


def mlx_bits(block):
    content = {**SHAPES, "quantization": block}
    model = read_config(content, name="test", title="Test", file="config.json")
    return 8 * build(model).weight_bytes


def test_mlx_with_other_bits_for_single_modules():
    tables = 2 * 2000 * WIDTH
    norms = 16 * WIDTH * (2 * LAYERS + 1)
    plain = {"bits": 4, "group_size": 64}
    assert mlx_bits(plain) == pytest.approx((LINEAR + tables) * 4.5 + norms)
    other = {**plain, "model.embed_tokens": {"bits": 8, "group_size": 32},
             "model.layers.0.self_attn.o_proj": False}  # fmt: skip
    more = tables / 2 * (9 - 4.5) + OUT * (16 - 4.5)
    assert mlx_bits(other) == pytest.approx((LINEAR + tables) * 4.5 + norms + more)
    four = {"bits": 4, "group_size": 32, "mode": "mxfp4"}
    assert mlx_bits(four) == pytest.approx((LINEAR + tables) * 4.25 + norms)


def test_mlx_blocks_that_contradict_each_other_are_refused():
    with pytest.raises(InputError, match="4 bits") as error:
        read({"bits": 8, "group_size": 64}, quantization={"bits": 4, "group_size": 64})
    assert error.value.field == "quantization"
    assert read({"bits": 4, "group_size": 64}, quantization={"bits": 4, "group_size": 64})


MIXTURE = {
    "model_type": "qwen3_moe", "num_experts": 64, "num_experts_per_tok": 4,
    "moe_intermediate_size": 512,
}  # fmt: skip
EXPERT = 3 * WIDTH * 512


def test_single_experts_may_be_left_alone():
    scheme = METHODS["modelopt nvfp4"][0]
    whole = build(read(scheme, **MIXTURE)).weight_bytes
    names = [
        f"model.layers.2.mlp.experts.{e}.{p}_proj" for e in (3, 9) for p in ("gate", "up", "down")
    ]
    left = build(read({**scheme, "exclude_modules": names}, **MIXTURE)).weight_bytes
    assert left - whole == pytest.approx(2 * EXPERT * (16 - 4.5) / 8)
    none = build(read({**scheme, "exclude_modules": ["*experts*"]}, **MIXTURE)).weight_bytes
    assert none - whole == pytest.approx(LAYERS * 64 * EXPERT * (16 - 4.5) / 8)
    router = build(read({**scheme, "exclude_modules": ["*mlp.gate"]}, **MIXTURE)).weight_bytes
    assert router == whole


def test_thousands_of_names_are_read_in_no_time():
    listed = {
        f"model.layers.{i}.mlp.experts.{e}.{p}_proj": {"quant_algo": "NVFP4"}
        for i in range(60) for e in range(256) for p in ("gate", "up", "down")
    }  # fmt: skip
    scheme = {
        "quant_method": "modelopt",
        "quant_algo": "MIXED_PRECISION",
        "quantized_layers": listed,
    }
    large = {**MIXTURE, "num_experts": 256, "num_hidden_layers": 60}
    model = read(scheme, **large)
    assert model.weight_precision == "nvfp4"
    assert all(len(layer.stored) == 2 for layer in model.layers)


CACHES = [
    ({"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}, "fp8"),
    ({"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": "NVFP4"}, "nvfp4"),
    ({"quant_method": "modelopt", "quant_algo": None, "kv_cache_quant_algo": "FP8"}, "fp8"),
    (tensors(FLOAT8, FLOAT8, kv_cache_scheme={"num_bits": 8, "type": "float"}), "fp8"),
    (tensors(FLOAT8, FLOAT8, kv_cache_scheme={"num_bits": 8, "type": "int"}), "int8"),
    (tensors(FLOAT8, FLOAT8, kv_cache_scheme=None), None),
    (
        {**METHODS["quark fp8"][0],
         "kv_cache_quant_config": {"*k_proj": {"output_tensors": {"dtype": "fp8_e4m3"}}}},
        "fp8",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("scheme", "cache"), CACHES)
def test_the_cache_that_a_checkpoint_names(scheme, cache):
    assert read(scheme).cache_precision == cache


WRONG = [
    ({"quant_method": "gptqq", "bits": 4}, "quant_method"),
    ({"quant_method": "gptq", "bits": 5}, "bits"),
    ({"quant_method": "gptq", "bits": 4, "group_size": 0}, "group_size"),
    ({"quant_method": "awq", "modules_to_not_convert": "visual"}, "modules_to_not_convert"),
    ({"quant_method": "bitsandbytes"}, "load_in_4bit"),
    (
        {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP9"},
        "kv_cache_quant_algo",
    ),
    (tensors(group(5, "int")), "config_groups.group_0.weights.num_bits"),
    (tensors(FLOAT8, FLOAT8, ignore=["re:(unclosed"]), None),
    (
        {"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp5"}}},
        "global_quant_config.weight.dtype",
    ),
    ({"bits": 7, "group_size": 64}, "bits"),
]  # fmt: skip


@pytest.mark.parametrize(("scheme", "field"), WRONG)
def test_what_is_wrong_is_named_with_a_remedy(scheme, field):
    with pytest.raises(InputError) as error:
        read(scheme)
    assert error.value.remedy
    assert error.value.file == "config.json"
    place = "quantization_config" if field is None else f"quantization_config.{field}"
    assert error.value.field == place


JUNK = [None, 0, -1, "4", [], {}, [1], {"a": 1}, True, 1.5, [None], "re:(", 10**30, [["a"]]]


def places(content, above=()):
    yield above
    inner = content.items() if isinstance(content, dict) else ()
    inner = enumerate(content) if isinstance(content, list) else inner
    for key, value in inner:
        yield from places(value, (*above, key))


def replaced(content, place, value):
    if not place:
        return value
    copy = content.copy()
    copy[place[0]] = replaced(content[place[0]], place[1:], value)
    return copy


@pytest.mark.parametrize("method", METHODS)
def test_whatever_stands_there_is_read_or_named(method):
    scheme, _, field = METHODS[method]
    whole = {**scheme, field: ["lm_head", "model.layers.0.mlp*"]}
    refused = 0
    for place in list(places(whole))[1:]:
        for junk in JUNK:
            try:
                read(replaced(whole, place, junk))
            except InputError as error:
                refused += 1
                assert error.file == "config.json"
    assert refused
