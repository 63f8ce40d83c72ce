"""How InferenceX sets its servers, by engine, device, model and load.

Facts from the launch scripts in ``benchmarks/`` of github:SemiAnalysisAI/InferenceX (Apache-2.0):
limits, cache format, and how long newcomers are left waiting. The tables of its results do not
say these, and TTFT hangs on them.
"""

from collections.abc import Mapping
from typing import Any

Settings = dict[str, Any]

_LARGEST_NODE = 8


def settings_of(
    engine: str, hardware: str, model: str, precision: str, asked: Mapping[str, Any]
) -> Settings:
    """What a run of InferenceX was set to beside what its table says; empty where not known."""
    recipe = _RECIPES.get(engine)
    return {} if recipe is None else recipe(hardware, model, precision, asked)


def _sglang(hardware: str, model: str, precision: str, asked: Mapping[str, Any]) -> Settings:
    """``dsr1_*.sh`` and ``qwen3.5_*.sh``.

    Their limits of 128 running requests came later: points of 256 users do not queue.
    """
    if hardware != "b200":
        tokens = 16384 if model == "qwen3.5-397b-a17b" else 32768
        return {"max_batched_tokens": tokens, "memory_fraction": 0.82}
    scheduling = {"receive_interval": 10 if asked["concurrency"] < 16 else 30}
    found: Settings = {"max_batched_tokens": 32768, "memory_fraction": 0.82}
    if precision == "fp4":
        found = {"max_batched_tokens": 16384, "memory_fraction": 0.85}
    elif model == "deepseek-r1" and asked["tp"] < _LARGEST_NODE:
        found = {"max_batched_tokens": 8192, "memory_fraction": 0.95}
        scheduling = {"receive_interval": 10}
    return found | {"scheduling": scheduling}


def _trtllm(hardware: str, model: str, precision: str, asked: Mapping[str, Any]) -> Settings:
    """``70b_*_trt*.sh``, ``dsr1_*_trt*.sh`` and ``gptoss_*_trt*.sh``."""
    isl, osl, users = (int(asked[name]) for name in ("isl", "osl", "concurrency"))
    short = (isl, osl) == (1024, 1024)
    if model == "gpt-oss-120b":
        found: Settings = {"max_batched_tokens": 20000, "memory_fraction": 0.85}
        return found if hardware == "b200" else found | {"kv_precision": None}
    if model == "llama-3.1-70b":
        tokens = 16384 if (hardware, precision) == ("b200", "fp8") else isl + osl + 200
        found = {"max_batched_tokens": tokens}
        if short and asked["tp"] < _LARGEST_NODE:
            found["scheduling"] = {"gather_steps": 20, "gather_share": 0.9}
        return found
    found = {"max_batched_tokens": max(8192, (users + isl + 127) // 64 * 64)}
    if (hardware, precision) == ("b200", "fp8") and short and 64 <= users < 256:
        found["scheduling"] = {"gather_steps": 40, "gather_share": 0.8}
    return found


def _vllm(hardware: str, model: str, precision: str, asked: Mapping[str, Any]) -> Settings:
    """``70b_*.sh`` and ``gptoss_*.sh``.

    The scripts of Llama store the cache in fp8 throughout. Those measured on H100 cannot have:
    their requests queue for as long as a cache of 16 bits makes them.
    """
    sequences = 512 if hardware == "b200" else int(asked["concurrency"])
    found: Settings = {"max_batched_tokens": 8192, "max_sequences": sequences}
    if model == "llama-3.1-70b" and hardware == "h200-sxm":
        found["kv_precision"] = "fp8"
    return found


_RECIPES = {"sglang": _sglang, "trtllm": _trtllm, "vllm": _vllm}
