"""Quantisers that describe groups of modules: compressed-tensors, ModelOpt, Quark, MLX."""

from collections.abc import Mapping
from dataclasses import replace

from simulator.errors import nearest
from simulator.specs.huggingface.fields import Config
from simulator.specs.huggingface.formats import (
    GROUP,
    Numbers,
    cache_format,
    group_of,
    not_understood,
    product_of,
)
from simulator.specs.huggingface.methods import excluded
from simulator.specs.huggingface.patterns import Patterns
from simulator.specs.huggingface.scheme import Rule, Scheme
from simulator.specs.precision import Precision, precision

_ALL = ("Linear", "LinearBase", "ReplicatedLinear", "FusedMoE")
"""Targets that are classes of modules: every matrix."""


def compressed_tensors(scheme: Config, plain: Precision) -> Scheme:
    """Groups of modules, each with its weights and activations.

    Raises:
        InputError: no group, or one whose numbers nobody knows.
    """
    groups = scheme.inner("config_groups")
    if not groups.fields:
        raise scheme.error("config_groups", "names no group", "name at least one")
    rules = list(excluded(scheme, plain))
    usual: Precision | None = None
    for key in groups.fields:
        group = groups.inner(key)
        stored = _group(group)
        targets = group.texts("targets") or ["Linear"]
        if any(target in _ALL for target in targets):
            usual = usual or stored
        named = tuple(target for target in targets if target not in _ALL)
        if named:
            rules.append(Rule(Patterns(named), stored))
    cache = cache_format(scheme, "kv_cache_scheme")
    return Scheme(usual or plain, tuple(rules), tower=usual or plain, cache=cache)


def _group(group: Config) -> Precision:
    if not group.has("weights"):
        # Activations alone are quantised, or the cache.
        return precision("bf16")
    weights = _numbers(group.inner("weights"))
    activations = None
    if group.has("input_activations"):
        acting = group.inner("input_activations")
        # Quantised without a word on how: as the weights are.
        activations = _numbers(acting) if acting.has("num_bits") else replace(weights, group=None)
    found = product_of(weights, activations)
    if found is None:
        beside = "" if activations is None else f" with {activations.kind} of {activations.bits}"
        raise not_understood(
            group, "weights.num_bits", f"{weights.kind} weights of {weights.bits} bits{beside}",
            "int of 2, 3, 4 and 8 bits, float of 4 and 8",
        )  # fmt: skip
    return found


def _numbers(numbers: Config) -> Numbers:
    strategy = numbers.text("strategy")
    blocks = bool(numbers.fields.get("block_structure")) or strategy == "block"
    kind = numbers.text("type", "int")
    in_groups = kind == "int" and strategy in ("", "group")
    return Numbers(
        bits=numbers.size("num_bits"),
        kind=kind,
        group=group_of(numbers, GROUP if in_groups else None),
        has_zeros=not numbers.flag("symmetric", default=True),
        is_in_blocks=blocks,
    )


_MODELOPT: Mapping[str, str] = {
    "FP8": "fp8",
    "FP8_PB_WO": "fp8_block",
    "FP8_PB_REAL": "fp8_block",
    "FP8_PER_CHANNEL_PER_TOKEN": "fp8",
    "NVFP4": "nvfp4",
    "NVFP4_AWQ": "nvfp4",
    "W4A8_NVFP4_FP8": "nvfp4",
    "W4A16_AWQ": "w4a16",
    "W4A16": "w4a16",
    "W4A8_AWQ": "w4a8",
    "W8A16": "w8a16",
    "INT8_SQ": "int8",
    "W8A8_SQ_PER_CHANNEL": "int8",
    "W4A8_MXFP4_FP8": "w4a8_mxfp4",
    "MXFP4": "w4a4_mxfp4",
    "MXFP8": "mxfp8",
    "NVFP4_W4A16": "w4a16",
    "W4A16_NVFP4": "w4a16",
}
_NVFP4_WEIGHTS = ("NVFP4_W4A16", "W4A16_NVFP4")
_MIXED = "MIXED_PRECISION"


def modelopt(scheme: Config, plain: Precision) -> Scheme:
    """NVIDIA's quantiser: one algorithm for all matrices, or one for each module (mixed).

    Raises:
        InputError: an algorithm that nobody knows.
    """
    cache = cache_format(scheme, "kv_cache_quant_algo") or cache_format(scheme, "kv_cache_scheme")
    field = "quantization_algo" if scheme.has("quantization_algo") else "quant_algo"
    algorithm = scheme.text(field).upper()
    rules = excluded(scheme, plain)
    if not algorithm:
        said = ("no algorithm for weights is named: they are in 16 bits",)
        return Scheme(plain, rules, cache=cache, said=said)
    if algorithm == _MIXED and scheme.has("config_groups") and not scheme.has("quantized_layers"):
        # Newer files have the groups of compressed-tensors.
        return replace(compressed_tensors(scheme, plain), cache=cache)
    if algorithm == _MIXED:
        return Scheme(plain, (*rules, *_each_module(scheme)), cache=cache)
    stored = _algorithm(scheme, algorithm, field)
    return Scheme(stored, rules, tower=stored, cache=cache)


def _algorithm(scheme: Config, algorithm: str, field: str) -> Precision:
    if algorithm not in _MODELOPT:
        raise scheme.error(
            field, f"{algorithm!r} is not understood", nearest(algorithm, (*_MODELOPT, _MIXED))
        )
    named = precision(_MODELOPT[algorithm])
    if algorithm in _NVFP4_WEIGHTS:
        return replace(named, weight_bits=4 + 8 / 16)
    if named.name in ("w4a16", "w4a8"):
        group = group_of(scheme)
        return replace(named, weight_bits=4.0 + (0.0 if group is None else 16 / group))
    return named


def _each_module(scheme: Config) -> list[Rule]:
    if not scheme.has("quantized_layers"):
        raise scheme.error(
            "quantized_layers", f"missing field, but the algorithm is {_MIXED}",
            "add the algorithm of each layer, as hf_quant_config.json has them",
        )  # fmt: skip
    listed = scheme.inner("quantized_layers")
    named: dict[Precision, list[str]] = {}
    for name in listed.fields:
        own = listed.inner(name)
        stored = _algorithm(own, own.text("quant_algo").upper(), "quant_algo")
        named.setdefault(stored, []).append(name)
    return [Rule(Patterns(tuple(names)), stored) for stored, names in named.items()]


_QUARK = {
    "fp8_e4m3": ("float", 8),
    "fp8_e5m2": ("float", 8),
    "fp4": ("float", 4),
    "mx": ("float", 4),
    "int8": ("int", 8),
    "int4": ("int", 4),
    "uint4": ("int", 4),
    "uint8": ("int", 8),
}


def quark(scheme: Config, plain: Precision) -> Scheme:
    """AMD's quantiser: one config for all, others by wildcard, a list of what is left out.

    Raises:
        InputError: a datatype that nobody knows.
    """
    usual = _quark_product(scheme.inner("global_quant_config"), plain)
    rules = list(excluded(scheme, plain))
    if scheme.has("layer_quant_config"):
        apart = scheme.inner("layer_quant_config")
        for name in apart.fields:
            rules.append(Rule(Patterns((name,)), _quark_product(apart.inner(name), plain)))
    return Scheme(usual, tuple(rules), tower=usual, cache=_quark_cache(scheme))


def _quark_product(config: Config, plain: Precision) -> Precision:
    if not config.has("weight"):
        return plain
    weights = _quark_weights(config)
    acting = _quark_numbers(config.inner("input_tensors")) if config.has("input_tensors") else None
    found = product_of(weights, acting)
    if found is None:
        raise not_understood(
            config, "weight.dtype", f"{weights.kind} of {weights.bits} bits", ", ".join(_QUARK)
        )
    return found


def _quark_weights(config: Config) -> Numbers:
    """Weights that are quantised twice, one on the other, are as wide as the narrower."""
    twice = config.fields["weight"]
    if not isinstance(twice, list) or not all(isinstance(one, dict) for one in twice) or not twice:
        return _quark_numbers(config.inner("weight"))
    steps = [Config(one, config.file, f"{config.prefix}weight.") for one in twice]
    return min((_quark_numbers(step) for step in steps), key=lambda numbers: numbers.bits)


def _quark_numbers(config: Config) -> Numbers:
    name = config.text("dtype")
    if name not in _QUARK:
        raise config.error("dtype", f"datatype {name!r} is not understood", nearest(name, _QUARK))
    kind, bits = _QUARK[name]
    in_groups = config.text("qscheme") == "per_group"
    return Numbers(bits, kind, group_of(config, 32) if in_groups else None)


def _quark_cache(scheme: Config) -> str | None:
    """The cache has the format of what key and value projections put out."""
    for field in ("kv_cache_quant_config", "layer_quant_config"):
        if not scheme.has(field):
            continue
        layers = scheme.inner(field)
        for name in layers.fields:
            one = layers.inner(name)
            if Patterns((name,)).names(("k_proj", "v_proj")) and one.has("output_tensors"):
                kind, bits = _QUARK.get(one.inner("output_tensors").text("dtype"), ("", 0))
                if (kind, bits) == ("float", 8):
                    return "fp8"
    return None


_MLX_MODES = {"mxfp4": 4 + 8 / 32, "nvfp4": 4 + 8 / 16, "mxfp8": 8 + 8 / 32}
"""Bits a weight of MLX's modes beside the affine one."""


def mlx(quantisation: Config) -> Scheme:
    """MLX: every matrix, embedding and head too, with other bits for single modules.

    Raises:
        InputError: bits that MLX does not have.
    """
    usual = _mlx_numbers(quantisation, quantisation)
    plain = precision("bf16")
    rules = []
    for name, value in quantisation.fields.items():
        # MLX's name of all experts together.
        module = Patterns((name.replace(".switch_mlp.", ".experts."),))
        if value is False:
            rules.append(Rule(module, plain))
        elif isinstance(value, dict):
            rules.append(Rule(module, _mlx_numbers(quantisation.inner(name), quantisation)))
    return Scheme(usual, tuple(rules), ends=usual, joined_up_projections=True)


def _mlx_numbers(own: Config, whole: Config) -> Precision:
    mode = own.text("mode") or whole.text("mode", "affine")
    bits = own.fields.get("bits", whole.fields.get("bits", 4))
    if bits not in (2, 3, 4, 5, 6, 8):
        raise not_understood(own, "bits", f"{bits!r} bits", "2, 3, 4, 5, 6 and 8")
    named = precision(f"mlx{bits}")
    if mode in _MLX_MODES:
        return replace(named, weight_bits=_MLX_MODES[mode])
    if mode != "affine":
        raise own.error(
            "mode", f"{mode!r} is not understood", nearest(mode, ("affine", *_MLX_MODES))
        )
    group = group_of(own, group_of(whole, 64)) or 64
    # A 16-bit scale and a 16-bit bias.
    return replace(named, weight_bits=int(str(bits)) + 32 / group)
