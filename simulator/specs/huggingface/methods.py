"""Quantisation methods: what each one's config says, as a scheme."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from simulator.errors import nearest
from simulator.specs.huggingface.fields import Config
from simulator.specs.huggingface.formats import (
    Numbers,
    cache_format,
    group_of,
    not_understood,
    product_of,
    weight_only,
)
from simulator.specs.huggingface.patterns import Patterns
from simulator.specs.huggingface.scheme import Rule, Scheme
from simulator.specs.precision import Precision, precision

Method = Callable[[Config, Precision], Scheme]
"""From a quantisation config and the datatype of what it leaves alone."""

_EXCLUDED = (
    "ignore",
    "exclude_modules",
    "modules_to_not_convert",
    "ignored_layers",
    "llm_int8_skip_modules",
    "exclude",
)


def excluded(scheme: Config, plain: Precision) -> tuple[Rule, ...]:
    """The rule for what the quantiser leaves alone, under whatever name it lists it.

    Raises:
        InputError: it is no list of texts.
    """
    found = [name for field in _EXCLUDED for name in scheme.texts(field)]
    return (Rule(Patterns(tuple(dict.fromkeys(found))), plain),) if found else ()


def _uniform(name: str) -> Method:
    """Every matrix the same way; also the tower of images, if it is not excluded."""

    def read(scheme: Config, plain: Precision) -> Scheme:
        stored = precision(name)
        return Scheme(stored, excluded(scheme, plain), tower=stored)

    return read


def _fp8(scheme: Config, plain: Precision) -> Scheme:
    block = scheme.fields.get("weight_block_size")
    stored = precision("fp8_block" if block else "fp8")
    cache = cache_format(scheme, "kv_cache_scheme")
    return Scheme(stored, excluded(scheme, plain), tower=stored, cache=cache)


def _mxfp4(scheme: Config, plain: Precision) -> Scheme:
    """gpt-oss: the experts alone."""
    return Scheme(plain, excluded(scheme, plain), experts=precision("mxfp4"))


def _integers(scheme: Config, plain: Precision) -> Scheme:
    """AWQ and GPTQ: integers in groups, in the decoder alone."""
    field = "w_bit" if "w_bit" in scheme.fields else "bits"
    zeros = scheme.flag("zero_point") or not scheme.flag("sym", default=True)
    group = group_of(
        scheme, field="q_group_size" if "q_group_size" in scheme.fields else "group_size"
    )
    stored = _integer(scheme, scheme.fields.get(field, 4), group, zeros, field)
    rules = [*excluded(scheme, plain), *_dynamic(scheme, stored, plain)]
    if scheme.flag("lm_head"):
        rules.append(Rule(Patterns(("lm_head",)), stored))
    listed = scheme.fields.get("modules_in_block_to_quantize")
    if isinstance(listed, list) and listed:
        # Nothing else is quantised.
        names = [n for part in listed for n in (part if isinstance(part, list) else [part])]
        rules.append(Rule(Patterns(tuple(map(str, names))), stored))
        return Scheme(plain, tuple(rules))
    return Scheme(stored, tuple(rules))


def _integer(scheme: Config, bits: object, group: int | None, zeros: bool, field: str) -> Precision:
    try:
        return weight_only(Numbers(int(str(bits)), "int", group, zeros))
    except (KeyError, ValueError):
        raise not_understood(scheme, field, f"{bits!r} bits", "2, 3, 4 and 8") from None


def _dynamic(scheme: Config, usual: Precision, plain: Precision) -> list[Rule]:
    """GPTQModel's rules: ``-:`` and an expression is left alone, ``+:`` has its own bits."""
    if not scheme.has("dynamic"):
        return []
    dynamic = scheme.inner("dynamic")
    found = []
    for text in dynamic.fields:
        sign, _, expression = text.rpartition(":")
        if sign == "-":
            found.append(Rule(Patterns((expression,), expressions=True), plain))
            continue
        own = dynamic.inner(text)
        group = group_of(own, group_of(scheme))
        stored = _integer(
            own, own.fields.get("bits", round(usual.weight_bits)), group, False, "bits"
        )
        found.append(Rule(Patterns((expression,), expressions=True), stored))
    return found


_ROUNDED = {"mx_fp": 32, "mx_fp4": 32, "nv_fp": 16, "nv_fp4": 16, "fp": None}
"""AutoRound's floating-point datatypes, by values to a scale."""


def _auto_round(scheme: Config, plain: Precision) -> Scheme:
    stored = _rounded(scheme, scheme)
    rules = list(excluded(scheme, plain))
    for field in ("extra_config", "layer_config"):
        if not scheme.has(field):
            continue
        apart = scheme.inner(field)
        for name in apart.fields:
            own = Config({**scheme.fields, **apart.inner(name).fields}, scheme.file, apart.prefix)
            bits = own.fields.get("bits")
            rules.append(Rule(Patterns((name,)), plain if bits == 16 else _rounded(own, scheme)))
    return Scheme(stored, tuple(rules))


def _rounded(own: Config, scheme: Config) -> Precision:
    kind, bits = own.text("data_type", "int"), own.fields.get("bits", 4)
    if kind == "int":
        return _integer(own, bits, group_of(own), not own.flag("sym", default=True), "bits")
    if kind not in _ROUNDED:
        raise scheme.error(
            "data_type", f"datatype {kind!r} is not understood", nearest(kind, ("int", *_ROUNDED))
        )
    activations = own.optional_size("act_bits") or 16
    numbers = Numbers(own.optional_size("bits") or 4, "float", _ROUNDED[kind])
    acting = None if activations == 16 else Numbers(activations, "float")
    found = product_of(numbers, acting)
    if found is None:
        raise not_understood(own, "bits", f"{kind} of {bits!r} bits", "4 and 8")
    return found


def _bits_and_bytes(scheme: Config, plain: Precision) -> Scheme:
    """bitsandbytes: NF4 in blocks of 64, whose scales may be quantised again, or int8."""
    rules = excluded(scheme, plain)
    four = scheme.flag("load_in_4bit") or scheme.flag("_load_in_4bit")
    eight = scheme.flag("load_in_8bit") or scheme.flag("_load_in_8bit")
    if four == eight:
        raise scheme.error(
            "load_in_4bit", "neither or both of load_in_4bit and load_in_8bit are set",
            "set the one that is true of the weights",
        )  # fmt: skip
    if eight:
        return Scheme(precision("int8"), rules, tower=precision("int8"))
    stored = precision("nf4")
    if scheme.flag("bnb_4bit_use_double_quant"):
        # A scale of 8 bits for 64 weights, and one of 32 bits for 256 of those.
        stored = replace(stored, weight_bits=4 + 8 / 64 + 32 / (64 * 256))
    return Scheme(stored, rules, tower=stored)


def _torchao(scheme: Config, plain: Precision) -> Scheme:
    kind: Any = scheme.fields.get("quant_type")
    while isinstance(kind, dict):
        inner = kind.get("default", kind.get("_type"))
        data = kind.get("_data", {})
        if isinstance(inner, str):
            group = data.get("group_size", 128) if isinstance(data, dict) else 128
            return _of_torchao(scheme, inner, group, plain)
        kind = inner
    return _of_torchao(scheme, str(kind), 128, plain)


_TORCHAO: Mapping[str, str] = {
    "int4weightonlyconfig": "w4a16",
    "int4_weight_only": "w4a16",
    "int8weightonlyconfig": "w8a16",
    "int8_weight_only": "w8a16",
    "float8weightonlyconfig": "w8a16",
    "float8dynamicactivationfloat8weightconfig": "fp8",
    "int8dynamicactivationint8weightconfig": "int8",
    "int8_dynamic_activation_int8_weight": "int8",
}


def _of_torchao(scheme: Config, kind: str, group: object, plain: Precision) -> Scheme:
    name = _TORCHAO.get(kind.lower())
    if name is None:
        raise scheme.error(
            "quant_type", f"{kind!r} is not understood", nearest(kind.lower(), _TORCHAO)
        )
    stored = precision(name)
    if name == "w4a16" and isinstance(group, int) and group > 0:
        stored = weight_only(Numbers(4, "int", group, has_zeros=True))
    elif name == "w8a16":
        stored = replace(stored, weight_bits=8.0)
    return Scheme(stored, excluded(scheme, plain))


def _hqq(scheme: Config, plain: Precision) -> Scheme:
    own = scheme
    for name in ("quant_config", "weight_quant_params"):
        own = own.inner(name) if own.has(name) else own
    bits = own.fields.get("nbits", 4)
    stored = _integer(own, bits, group_of(own, 64), True, "nbits")
    return Scheme(stored, excluded(scheme, plain))


def _w4afp8(scheme: Config, plain: Precision) -> Scheme:
    """SGLang's W4A8: experts in 4-bit integers with FP8 activations, all else in FP8 blocks."""
    experts = replace(precision("w4a8"), weight_bits=4 + 16 / (group_of(scheme) or 128))
    return Scheme(precision("fp8_block"), excluded(scheme, plain), experts=experts)


SIMPLE: Mapping[str, Method] = {
    "fp8": _fp8,
    "fbgemm_fp8": _uniform("fp8"),
    "w8a8_fp8": _uniform("fp8"),
    "w8a8_int8": _uniform("int8"),
    "mxfp8": _uniform("mxfp8"),
    "mxfp4": _mxfp4,
    "bitnet": _uniform("ternary"),
    "awq": _integers,
    "awq_marlin": _integers,
    "gptq": _integers,
    "gptq_marlin": _integers,
    "auto-round": _auto_round,
    "auto_round": _auto_round,
    "intel/auto-round": _auto_round,
    "bitsandbytes": _bits_and_bytes,
    "torchao": _torchao,
    "hqq": _hqq,
    "w4afp8": _w4afp8,
}
"""Methods whose config is flat, by ``quant_method``."""
