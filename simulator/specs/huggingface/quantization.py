"""How a checkpoint stores its weights, from ``quantization_config`` and ``torch_dtype``."""

import re

from simulator.errors import nearest
from simulator.specs.huggingface.fields import Config

_TORCH = {
    "bfloat16": "bf16",
    "float16": "fp16",
    "float32": "fp32",
    # DeepSeek's own inference configs; their FP8 is scaled in blocks.
    "fp8": "fp8_block",
}
_METHODS = ("fp8", "mxfp4", "modelopt", "awq", "gptq", "compressed-tensors", "bitnet")
_MODELOPT = {"NVFP4": "nvfp4", "FP8": "fp8", "FP8_PB_WO": "fp8_block", "W4A16_AWQ": "w4a16"}

_ONLY_EXPERTS = {"nvfp4": "nvfp4_experts", "w4a16": "int4_experts", "mxfp4": "mxfp4"}
"""Precision of a checkpoint whose attention stays in 16 bits."""

_MIXED = {("nvfp4", "fp8_block"): "nvfp4_fp8", ("mxfp4", "fp8_block"): "mxfp4_fp8"}
"""Precision of (experts, attention) where both are quantised, each its own way."""


def weight_precision(outer: Config, inner: Config) -> str:
    """The name of the precision of the linear layers.

    Raises:
        InputError: a quantisation method or datatype that is not understood.
    """
    holder = inner if "quantization_config" in inner.fields else outer
    if not holder.fields.get("quantization_config"):
        return _plain(outer, inner)
    scheme = holder.inner("quantization_config")
    method = scheme.text("quant_method")
    if method == "compressed-tensors":
        return _compressed_tensors(scheme)
    if inner.has("expert_dtype"):
        return _experts_apart(inner, method)
    if method == "fp8":
        return "fp8_block" if scheme.fields.get("weight_block_size") else "fp8"
    if method == "mxfp4":
        return "mxfp4"
    if method == "bitnet":
        return "ternary"
    if method in ("awq", "gptq"):
        bits = scheme.fields.get("bits", scheme.fields.get("w_bit", 4))
        return _weight_only(scheme, bits, "bits")
    if method == "modelopt":
        return _modelopt(scheme)
    raise scheme.error(
        "quant_method", f"method {method!r} is not understood", nearest(method, _METHODS)
    )


def _plain(outer: Config, inner: Config) -> str:
    if inner.has("expert_dtype"):
        raise inner.error(
            "expert_dtype",
            "experts of another datatype, but no quantization_config says how the rest is stored",
            "add quantization_config (a ModelOpt checkpoint keeps it in hf_quant_config.json)",
        )
    for config in (inner, outer):
        for field in ("torch_dtype", "dtype"):
            name = config.text(field)
            if name in _TORCH:
                return _TORCH[name]
            if name:
                raise config.error(
                    field, f"datatype {name!r} is not understood", nearest(name, _TORCH)
                )
    return "bf16"


def _experts_apart(config: Config, method: str) -> str:
    """DeepSeek V4: routed experts in FP4, everything else in FP8 blocks."""
    kind = config.text("expert_dtype")
    if kind != "fp4" or method != "fp8":
        raise config.error(
            "expert_dtype", f"{kind!r} beside method {method!r} is not understood", "known: fp4"
        )
    return "mxfp4_fp8"


def _weight_only(scheme: Config, bits: object, field: str) -> str:
    names = {4: "w4a16", 8: "w8a16"}
    if bits not in names:
        raise scheme.error(field, f"{bits!r} bits are not understood", "known: 4 and 8")
    return names[int(str(bits))]


def _modelopt(scheme: Config) -> str:
    algorithm = scheme.text("quant_algo") or scheme.text("quantization_algo")
    if algorithm not in _MODELOPT:
        raise scheme.error(
            "quant_algo", f"{algorithm!r} is not understood", nearest(algorithm, _MODELOPT)
        )
    name = _MODELOPT[algorithm]
    return _ONLY_EXPERTS.get(name, name) if _spares_attention(scheme) else name


def _compressed_tensors(scheme: Config) -> str:
    groups = scheme.inner("config_groups")
    if not groups.fields:
        raise scheme.error("config_groups", "names no group")
    named = {key: _group(groups.inner(key)) for key in groups.fields}
    if len(set(named.values())) == 1:
        name = next(iter(named.values()))
        return _ONLY_EXPERTS.get(name, name) if _spares_attention(scheme) else name
    experts = [n for key, n in named.items() if _targets_experts(groups.inner(key))]
    others = [n for key, n in named.items() if not _targets_experts(groups.inner(key))]
    for pair in ((e, o) for e in experts for o in others):
        if pair in _MIXED:
            return _MIXED[pair]
    raise scheme.error(
        "config_groups",
        "groups of " + " and ".join(sorted(set(named.values()))) + " together are not understood",
        "known: experts of " + ", or ".join(f"{e} beside {o}" for e, o in _MIXED),
    )


def _group(group: Config) -> str:
    """The precision of one group of layers."""
    weights = group.inner("weights")
    activations = group.fields.get("input_activations")
    bits, kind = weights.fields.get("num_bits"), weights.text("type")
    if activations is None and kind == "float" and bits == 4:
        return "mxfp4"
    if activations is None:
        return _weight_only(weights, bits, "num_bits")
    if kind == "float" and bits == 8:
        return "fp8_block" if weights.fields.get("block_structure") else "fp8"
    if kind == "float" and bits == 4:
        return "nvfp4"
    if kind == "int" and bits == 8:
        return "int8"
    raise weights.error("num_bits", f"{kind} weights of {bits} bits are not understood")


def _targets_experts(group: Config) -> bool:
    targets = group.fields.get("targets") or []
    return any(re.search(r"ffn|mlp|expert", str(target)) for target in targets)


def _spares_attention(scheme: Config) -> bool:
    """Whether attention is left as it was, so that only experts are quantised."""
    ignored = scheme.fields.get("ignore") or scheme.fields.get("exclude_modules") or []
    return any("self_attn" in str(pattern) for pattern in ignored)
