"""Datatypes of a quantiser's config (bits, kind of number, size of a group) as precisions."""

from dataclasses import dataclass, replace

from simulator.errors import InputError, nearest
from simulator.specs.huggingface.fields import Config
from simulator.specs.precision import Precision, precision

GROUP = 128
"""Weights under one scale where a config names no size: the default of AWQ, GPTQ and ModelOpt."""

_INTEGERS = {2: "w2a16", 3: "w3a16", 4: "w4a16", 8: "w8a16"}


@dataclass(frozen=True, slots=True)
class Numbers:
    """One side of a product: ``bits`` of a ``kind`` (int, float), ``group`` values to a scale."""

    bits: int
    kind: str
    group: int | None = None
    has_zeros: bool = False
    is_in_blocks: bool = False


def weight_only(numbers: Numbers, scale_bits: int = 16) -> Precision:
    """Integer weights that are widened to 16 bits before they are multiplied.

    Raises:
        KeyError: nobody stores so many bits.
    """
    named = precision(_INTEGERS[numbers.bits])
    if numbers.group is None:
        return replace(named, weight_bits=float(numbers.bits))
    each = scale_bits + (numbers.bits if numbers.has_zeros else 0)
    return replace(named, weight_bits=numbers.bits + each / numbers.group)


def product_of(weights: Numbers, activations: Numbers | None) -> Precision | None:
    """The precision of a product with such weights and activations; None where none is known."""
    w = (weights.kind, weights.bits)
    if activations is None or activations.bits == 16:
        if weights.kind == "int" and weights.bits in _INTEGERS:
            return weight_only(weights)
        if w == ("float", 8):
            return replace(precision("w8a16"), weight_bits=8.0)
        if w == ("float", 4):
            return precision("mxfp4") if weights.group == 32 else _wide_nvfp4()
        return None
    a = (activations.kind, activations.bits)
    if w == ("float", 8) and a == ("float", 8):
        if weights.group == 32:
            return precision("mxfp8")
        return precision("fp8_block" if weights.is_in_blocks else "fp8")
    if w == ("float", 4):
        if a == ("float", 8):
            return precision("w4a8_mxfp4")
        return precision("w4a4_mxfp4" if weights.group == 32 else "nvfp4")
    if weights.kind == "int":
        name = {(8, ("int", 8)): "int8", (4, ("int", 8)): "w4a8_int8"}.get((weights.bits, a))
        name = name or {(4, ("float", 8)): "w4a8", (4, ("int", 4)): "int4"}.get((weights.bits, a))
        if name is None:
            return None
        named = precision(name)
        overhead = 0.0 if weights.group is None else 16 / weights.group
        return replace(named, weight_bits=weights.bits + overhead)
    return None


def _wide_nvfp4() -> Precision:
    """NVFP4 weights without quantised activations run in the kernels of 4-bit integers."""
    return replace(precision("w4a16"), weight_bits=4 + 8 / 16)


def group_of(config: Config, default: int | None = GROUP, field: str = "group_size") -> int | None:
    """Weights under one scale; None where a whole row has one."""
    value = config.fields.get(field)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value == 0 or value < -1:
        raise config.error(
            field, f"expected a whole number of weights, found {value!r}",
            "write how many share a scale, or -1 where a whole row does",
        )  # fmt: skip
    return None if value == -1 else value


_CACHES = {
    "fp8": "fp8",
    "float8": "fp8",
    "float8_e4m3fn": "fp8",
    "fp8_e4m3": "fp8",
    "fp8_e5m2": "fp8",
    "nvfp4": "nvfp4",
    "int8": "int8",
    "int4": "int4",
}


def cache_format(config: Config, field: str) -> str | None:
    """The format of the cache that ``field`` names, in words or as bits and kind.

    Raises:
        InputError: a format that nobody knows.
    """
    value = config.fields.get(field)
    if value is None or value == "auto":
        return None
    if isinstance(value, dict):
        scheme = config.inner(field)
        kind, bits = scheme.text("type", "float"), scheme.fields.get("num_bits", 8)
        name = {("float", 8): "fp8", ("float", 4): "nvfp4", ("int", 8): "int8"}.get((kind, bits))
        if name is None:
            raise scheme.error(
                "num_bits", f"a cache of {kind} values of {bits!r} bits is not understood",
                "known: float of 8 and 4 bits, int of 8",
            )  # fmt: skip
        return name
    written = str(value).lower()
    if written not in _CACHES:
        raise config.error(
            field, f"cache format {value!r} is not understood", nearest(written, _CACHES)
        )
    return _CACHES[written]


def not_understood(config: Config, field: str, what: str, known: str) -> InputError:
    """What to say of a format that nobody knows."""
    return config.error(field, f"{what} is not understood", f"known: {known}")
