"""Datatypes of weights, activations and KV cache, and what each costs in bits."""

from dataclasses import dataclass

from simulator.errors import InputError, nearest


@dataclass(frozen=True, slots=True)
class Precision:
    """How the linear layers of a model are stored and multiplied.

    Args:
        name: the name people use.
        weight_bits: bits a weight takes in memory, its scales included.
        compute: datatype of the matrix unit that multiplies it.
        activation_bits: bits of an activation as the matrix unit reads it.
        quantises_activations: whether a kernel of its own converts activations before each product;
            the products of llama.cpp and bitnet.cpp (GGUF and ternary) convert them themselves.
        only_experts: whether only the routed experts are stored so.
        elsewhere: with ``only_experts``, the precision of all other linear layers.
        head, embedding: the precisions of the output head and of the embedding table; where one
            table serves both it is stored as the head.
    """

    name: str
    weight_bits: float
    compute: str
    activation_bits: float
    quantises_activations: bool = False
    only_experts: bool = False
    elsewhere: str = "bf16"
    head: str = "bf16"
    embedding: str = "bf16"

    @property
    def weight_bytes(self) -> float:
        """Bytes of one weight."""
        return self.weight_bits / 8

    @property
    def dense(self) -> "Precision":
        """The precision of all linear layers but the routed experts."""
        return precision(self.elsewhere) if self.only_experts else self


# Scale overheads: fp8_block has one fp32 scale per 128×128 block; nvfp4 one fp8 scale per 16
# values; mxfp4 and mxfp8 one 8-bit scale per 32; int4/w4a16 one fp16 scale per group of 128; nf4
# one fp32 scale per 64; GGUF's formats (q*_*) as the blocks of ggml-common.h, where those that
# llama.cpp mixes (q4_k_m) have the format of most tensors, and ``specs.gguf.mix`` the others; MLX
# keeps a bf16 scale and bias for each 64 values;
# int4_experts one bf16 scale per 32 (Kimi K2); ternary is packed 2 bits a weight (bitnet.cpp I2_S).
_PRECISIONS = {
    p.name: p
    for p in (
        Precision("fp32", 32, "fp32", 32),
        Precision("bf16", 16, "bf16", 16),
        Precision("fp16", 16, "fp16", 16),
        Precision("fp8", 8, "fp8", 8, quantises_activations=True),
        Precision("fp8_block", 8 + 32 / 128**2, "fp8", 8, quantises_activations=True),
        Precision("int8", 8, "int8", 8, quantises_activations=True),
        Precision("w8a16", 8 + 16 / 128, "bf16", 16),
        Precision("int4", 4 + 16 / 128, "int4", 4, quantises_activations=True),
        Precision("w4a16", 4 + 16 / 128, "bf16", 16),
        Precision("nvfp4", 4 + 8 / 16, "nvfp4", 4 + 8 / 16, quantises_activations=True),
        Precision("mxfp4", 4 + 8 / 32, "mxfp4", 16, only_experts=True),
        Precision("mxfp4_q8", 4 + 8 / 32, "bf16", 16, only_experts=True, elsewhere="q8_0"),
        Precision("w4a4_mxfp4", 4 + 8 / 32, "mxfp4", 4 + 8 / 32, quantises_activations=True),
        Precision("mxfp8", 8 + 8 / 32, "fp8", 8 + 8 / 32, quantises_activations=True),
        Precision("w4a8", 4 + 16 / 128, "fp8", 8, quantises_activations=True),
        Precision("w4a8_int8", 4 + 16 / 128, "int8", 8, quantises_activations=True),
        Precision("w3a16", 3 + 16 / 128, "bf16", 16),
        Precision("w2a16", 2 + 16 / 128, "bf16", 16),
        Precision("nf4", 4 + 32 / 64, "bf16", 16),
        Precision("nvfp4_q8", 4 + 8 / 16, "bf16", 16, only_experts=True, elsewhere="q8_0"),
        Precision("w4a8_mxfp4", 4 + 8 / 32, "fp8", 8, True, only_experts=True),
        Precision("mxfp4_fp8", 4 + 8 / 32, "fp8", 8, True, True, elsewhere="fp8_block"),
        Precision("nvfp4_experts", 4 + 8 / 16, "nvfp4", 4 + 8 / 16, True, True),
        Precision("nvfp4_fp8", 4 + 8 / 16, "nvfp4", 4 + 8 / 16, True, True, elsewhere="fp8_block"),
        Precision("int4_experts", 4 + 16 / 32, "bf16", 16, only_experts=True),
        Precision("q8_0", 8.5, "bf16", 16, head="q8_0", embedding="q8_0"),
        Precision("q6_k", 6.5625, "bf16", 16, head="q6_k", embedding="q6_k"),
        Precision("q5_k", 5.5, "bf16", 16, head="q6_k", embedding="q5_k"),
        Precision("q5_k_m", 5.5, "bf16", 16, head="q6_k", embedding="q5_k"),
        Precision("q5_k_s", 5.5, "bf16", 16, head="q6_k", embedding="q5_k"),
        Precision("q5_1", 6.0, "bf16", 16, head="q6_k", embedding="q5_1"),
        Precision("q5_0", 5.5, "bf16", 16, head="q6_k", embedding="q5_0"),
        Precision("q4_k", 4.5, "bf16", 16, head="q6_k", embedding="q4_k"),
        Precision("q4_k_m", 4.5, "bf16", 16, head="q6_k", embedding="q4_k"),
        Precision("q4_k_s", 4.5, "bf16", 16, head="q6_k", embedding="q4_k"),
        Precision("q4_1", 5.0, "bf16", 16, head="q6_k", embedding="q4_1"),
        Precision("q4_0", 4.5, "bf16", 16, head="q6_k", embedding="q4_0"),
        Precision("iq4_nl", 4.5, "bf16", 16, head="q6_k", embedding="iq4_nl"),
        Precision("iq4_xs", 4.25, "bf16", 16, head="q6_k", embedding="iq4_xs"),
        Precision("q3_k", 3.4375, "bf16", 16, head="q6_k", embedding="q3_k"),
        Precision("q3_k_l", 3.4375, "bf16", 16, head="q6_k", embedding="q3_k"),
        Precision("q3_k_m", 3.4375, "bf16", 16, head="q6_k", embedding="q3_k"),
        Precision("q3_k_s", 3.4375, "bf16", 16, head="q6_k", embedding="q3_k"),
        Precision("iq3_s", 3.4375, "bf16", 16, head="q6_k", embedding="iq3_s"),
        Precision("iq3_xxs", 3.0625, "bf16", 16, head="q5_k", embedding="iq3_s"),
        Precision("iq2_s", 2.5625, "bf16", 16, head="q5_k", embedding="iq3_s"),
        Precision("iq2_xs", 2.3125, "bf16", 16, head="q5_k", embedding="q2_k"),
        Precision("iq2_xxs", 2.0625, "bf16", 16, head="q5_k", embedding="q2_k"),
        Precision("iq1_m", 1.75, "bf16", 16, head="q5_k", embedding="q2_k"),
        Precision("iq1_s", 1.5625, "bf16", 16, head="q5_k", embedding="q2_k"),
        Precision("tq2_0", 2.0625, "bf16", 16, head="q6_k", embedding="q4_k"),
        Precision("tq1_0", 1.6875, "bf16", 16, head="q6_k", embedding="q4_k"),
        Precision("q2_k", 2.625, "bf16", 16, head="q6_k", embedding="q2_k"),
        Precision("mlx8", 8.5, "bf16", 16, head="mlx8", embedding="mlx8"),
        Precision("mlx6", 6.5, "bf16", 16, head="mlx6", embedding="mlx6"),
        Precision("mlx5", 5.5, "bf16", 16, head="mlx5", embedding="mlx5"),
        Precision("mlx4", 4.5, "bf16", 16, head="mlx4", embedding="mlx4"),
        Precision("mlx3", 3.5, "bf16", 16, head="mlx3", embedding="mlx3"),
        Precision("mlx2", 2.5, "bf16", 16, head="mlx2", embedding="mlx2"),
        Precision("ternary", 2, "ternary", 8),
        Precision("vptq2", 2.1, "bf16", 16),
    )
}

_KV_BITS = {
    "fp32": 32.0,
    "bf16": 16.0,
    "fp16": 16.0,
    "fp8": 8.0,
    "int8": 8.0,
    "nvfp4": 4.5,
    "int4": 4.25,
}

COMPUTE_FALLBACKS: dict[str, tuple[str, ...]] = {
    "bf16": ("fp16", "tf32", "fp32", "int8"),
    "fp16": ("bf16", "tf32", "fp32", "int8"),
    "fp32": ("tf32",),
    "tf32": ("fp32", "bf16", "fp16", "int8"),
    "fp8": ("bf16", "fp16", "fp32", "int8"),
    "int8": ("bf16", "fp16", "fp32"),
    "int4": ("int8", "bf16", "fp16", "fp32"),
    "fp4": ("fp8", "bf16", "fp16", "fp32"),
    "nvfp4": ("fp4", "mxfp4", "bf16", "fp16", "fp32"),
    "mxfp4": ("bf16", "fp16", "fp32"),
    "ternary": ("int8", "bf16", "fp16", "fp32"),
}
"""What a device without a datatype computes in instead, first choice first.

Weights keep their size in memory and are widened on the way in; a prediction that used a
fallback says so.
"""


def precision(name: str) -> Precision:
    """The precision called ``name``.

    Raises:
        InputError: unknown name; suggests the nearest.
    """
    try:
        return _PRECISIONS[name]
    except KeyError:
        raise InputError(
            f"unknown precision {name!r}", field="precision", remedy=nearest(name, _PRECISIONS)
        ) from None


def precision_names() -> tuple[str, ...]:
    """Every precision that is understood."""
    return tuple(_PRECISIONS)


BF16 = precision("bf16")


def kv_bytes_per_value(name: str) -> float:
    """Bytes of one cached value.

    Raises:
        InputError: unknown name; suggests the nearest.
    """
    try:
        return _KV_BITS[name] / 8
    except KeyError:
        raise InputError(
            f"unknown KV precision {name!r}",
            field="kv_precision",
            remedy=nearest(name, _KV_BITS),
        ) from None


@dataclass(frozen=True, slots=True)
class CacheFormat:
    """How cached values are stored: as the user chose, or as each kind of attention does itself.

    Args:
        chosen: bytes of one cached value, or None for the kinds' own formats.
    """

    chosen: float | None = None

    @classmethod
    def of(cls, name: str | None) -> "CacheFormat":
        """The format called ``name``; None and ``native`` leave it to the kinds.

        Raises:
            InputError: unknown name; suggests the nearest.
        """
        return cls(None if name in (None, "native") else kv_bytes_per_value(str(name)))

    def bytes(self, native: float = 2.0) -> float:
        """Bytes of one value whose kind by itself stores it in ``native`` bytes."""
        return native if self.chosen is None else self.chosen


NATIVE_CACHE = CacheFormat()
"""Every kind's own format."""
