"""Weights of quantised checkpoints beside the published sizes of their files, and caches in logs.

Sizes of files are given in GB, what engines report in GiB. Shapes are those of the catalogue, or
public facts of the model; how each checkpoint is quantised is what its config says.
"""

import pytest
from checkpoints import written

import simulator as rs
from simulator.graph.build import build
from simulator.graph.parameters import count_parameters
from simulator.simulate.replica import replica_of
from simulator.specs import catalogue
from simulator.specs.deployment import Deployment

GB, GIB = 1e9, 2.0**30

# ggml-org/llama.cpp@311c2c9f tools/quantize/README.md: Llama-3.1-8B in GiB, 70B and 405B in GB.
LLAMA_CPP = [
    ("llama-3.1-8b", "q2_k", 2.95 * GIB),
    ("llama-3.1-8b", "q3_k_s", 3.41 * GIB),
    ("llama-3.1-8b", "q3_k_l", 4.02 * GIB),
    ("llama-3.1-8b", "iq4_xs", 4.17 * GIB),
    ("llama-3.1-8b", "iq4_nl", 4.38 * GIB),
    ("llama-3.1-8b", "q4_k_s", 4.36 * GIB),
    ("llama-3.1-8b", "q4_k_m", 4.58 * GIB),
    ("llama-3.1-8b", "q5_k_s", 5.21 * GIB),
    ("llama-3.1-8b", "q5_k_m", 5.33 * GIB),
    ("llama-3.1-8b", "q6_k", 6.14 * GIB),
    ("llama-3.1-8b", "q8_0", 7.95 * GIB),
    ("llama-3.1-70b", "q4_k_m", 43.1 * GB),
    ("llama-3.1-405b", "q4_k_m", 249.1 * GB),
]

OTHERS = [
    # bartowski/Qwen_Qwen3-8B-GGUF
    ("qwen3-8b", "q4_k_m", 5.03 * GB),
    # mlx-community/Meta-Llama-3.1-8B-Instruct-4bit
    ("llama-3.1-8b", "mlx4", 4.52 * GB),
    # arXiv:2508.10925, Table 1
    ("gpt-oss-20b", None, 12.8 * GIB),
    ("gpt-oss-120b", None, 60.8 * GIB),
    # google/gemma-3-27b-it@005ad340, encoder of images included
    ("gemma-3-27b", None, 54.865 * GB),
]


@pytest.mark.parametrize(("name", "precision", "published"), LLAMA_CPP + OTHERS)
def test_catalogue_models_in_published_formats(name, precision, published):
    graph = build(catalogue.model(name), None, precision)
    assert graph.weight_bytes + graph.table_bytes == pytest.approx(published, rel=0.03)


def llama(width, mlp, layers, heads, kv_heads, scheme, vocabulary=128256, **more):
    return {
        "model_type": "llama", "hidden_size": width, "intermediate_size": mlp,
        "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": kv_heads, "vocab_size": vocabulary,
        "max_position_embeddings": 131072, "torch_dtype": "bfloat16",
        "tie_word_embeddings": False, "quantization_config": scheme, **more,
    }  # fmt: skip


AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}
KEPT = [f"model.layers.{i}.self_attn.{p}_proj" for i in range(126) for p in "qkvo"]
ENDS = [f"model.layers.{i}.mlp.{p}_proj" for i in (0, 125) for p in ("gate", "up", "down")]

CONFIGS = {
    # A 70B Llama in AWQ: total_size of its index
    "70b-awq": (llama(8192, 28672, 80, 64, 8, AWQ), 39_767_785_472),
    # Qwen/Qwen2.5-Coder-14B-Instruct-AWQ: 9.38 GiB loaded by vLLM
    "qwen2.5-14b-awq": (
        llama(5120, 13824, 48, 40, 8, AWQ, vocabulary=152064, model_type="qwen2"),
        9.38 * GIB,
    ),
    # nvidia/Llama-3.1-8B-Instruct-FP4: 5.6473 GiB loaded by vLLM 0.13
    "8b-nvfp4": (
        llama(
            4096, 14336, 32, 32, 8,
            {"quant_method": "modelopt", "quant_algo": "NVFP4", "exclude_modules": ["lm_head"]},
        ),
        5.6473 * GIB,
    ),
    # meta-llama/Meta-Llama-3.1-405B-Instruct-FP8: 57.752 GiB on each of eight GPUs, vllm#6746
    "405b-fbgemm": (
        llama(
            16384, 53248, 126, 128, 8,
            {"quant_method": "fbgemm_fp8", "modules_to_not_convert": KEPT + ENDS},
        ),
        8 * 57.752 * GIB,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_checkpoints_in_published_formats(tmp_path, name):
    content, published = CONFIGS[name]
    graph = build(catalogue.model(written(tmp_path / name, content)))
    assert graph.weight_bytes == pytest.approx(published, rel=0.03)


def test_deepseek_v3_with_the_module_that_drafts():
    # deepseek-ai/DeepSeek-V3@afb92e1f, its multi-token-prediction module included
    model = catalogue.model("deepseek-v3")
    draft = count_parameters(model).draft
    assert build(model).weight_bytes + draft == pytest.approx(688.587 * GB, rel=0.03)


# Llama-3.1-8B at 32,768 tokens, vLLM's defaults: "GPU KV cache size" in logs of 2026-05, and the
# blocks of a run of vLLM 0.19 (CASYS Lab at KAIST). The reserve of devices below 70 GB was taken
# from the first two rows; the others are predictions.
LOGS = [
    ("a100-sxm-40gb", {}, 163_168),
    ("rtx-4090", {}, 41_408),
    ("rtx-a6000", {}, 221_824),
    ("h100-pcie", {"capacity": "94 GiB", "usable": "95830 MiB"}, 545_456),  # H100 NVL
]


@pytest.mark.parametrize(("hardware", "memory", "tokens"), LOGS)
def test_cache_tokens_of_public_logs(hardware, memory, tokens):
    named = {"base": hardware, "memory": {"main": memory}} if memory else hardware
    found = rs.predict(named, "llama-3.1-8b", engine="vllm", max_context=32768)
    assert found.kv_capacity_tokens == pytest.approx(tokens, rel=0.05)


# Weights and cache in GiB that vLLM 0.19 reported on an A100 of 80 GB
# (myoceane.fr/index.php/ai-vllm-a100-gemma-4).
CACHES = [
    ("gpt-oss-20b", {"memory_fraction": 0.65}, 36.56),
    ("gemma-4-26b-a4b", {"max_context": 131072}, 21.5),
]


@pytest.mark.parametrize(("name", "settings", "available"), CACHES)
def test_memory_left_for_cache_in_public_logs(name, settings, available):
    replica = replica_of("a100-sxm-80gb", name, Deployment(engine="vllm", **settings))
    assert replica.budget.cache / GIB == pytest.approx(available, rel=0.05)
