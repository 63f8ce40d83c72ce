"""Datatypes of tensors in GGUF files, and what their blocks take.

Numbers and sizes are those of gguf-py/gguf/constants.py (ggml-org/llama.cpp@0024aa74).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TensorType:
    """``block`` values take ``block_bytes``; ``precision`` is what the project calls the format."""

    name: str
    block: int
    block_bytes: int
    precision: str

    @property
    def bits(self) -> float:
        """Bits a value."""
        return 8 * self.block_bytes / self.block


TYPES: Mapping[int, TensorType] = {
    0: TensorType("F32", 1, 4, "fp32"),
    1: TensorType("F16", 1, 2, "fp16"),
    2: TensorType("Q4_0", 32, 18, "q4_0"),
    3: TensorType("Q4_1", 32, 20, "q4_1"),
    6: TensorType("Q5_0", 32, 22, "q5_0"),
    7: TensorType("Q5_1", 32, 24, "q5_1"),
    8: TensorType("Q8_0", 32, 34, "q8_0"),
    9: TensorType("Q8_1", 32, 40, "q8_0"),
    10: TensorType("Q2_K", 256, 84, "q2_k"),
    11: TensorType("Q3_K", 256, 110, "q3_k"),
    12: TensorType("Q4_K", 256, 144, "q4_k"),
    13: TensorType("Q5_K", 256, 176, "q5_k"),
    14: TensorType("Q6_K", 256, 210, "q6_k"),
    15: TensorType("Q8_K", 256, 292, "q8_0"),
    16: TensorType("IQ2_XXS", 256, 66, "iq2_xxs"),
    17: TensorType("IQ2_XS", 256, 74, "iq2_xs"),
    18: TensorType("IQ3_XXS", 256, 98, "iq3_xxs"),
    19: TensorType("IQ1_S", 256, 50, "iq1_s"),
    20: TensorType("IQ4_NL", 32, 18, "iq4_nl"),
    21: TensorType("IQ3_S", 256, 110, "iq3_s"),
    22: TensorType("IQ2_S", 256, 82, "iq2_s"),
    23: TensorType("IQ4_XS", 256, 136, "iq4_xs"),
    24: TensorType("I8", 1, 1, "int8"),
    25: TensorType("I16", 1, 2, "fp16"),
    26: TensorType("I32", 1, 4, "fp32"),
    27: TensorType("I64", 1, 8, "fp32"),
    28: TensorType("F64", 1, 8, "fp32"),
    29: TensorType("IQ1_M", 256, 56, "iq1_m"),
    30: TensorType("BF16", 1, 2, "bf16"),
    34: TensorType("TQ1_0", 256, 54, "tq1_0"),
    35: TensorType("TQ2_0", 256, 66, "tq2_0"),
    39: TensorType("MXFP4", 32, 17, "mxfp4_q8"),
    40: TensorType("NVFP4", 64, 36, "nvfp4_q8"),
}
"""By the number that stands in the file."""

FILE_TYPES: Mapping[int, str] = {
    0: "fp32", 1: "fp16", 2: "q4_0", 3: "q4_1", 7: "q8_0", 8: "q5_0", 9: "q5_1", 10: "q2_k",
    11: "q3_k_s", 12: "q3_k_m", 13: "q3_k_l", 14: "q4_k_s", 15: "q4_k_m", 16: "q5_k_s",
    17: "q5_k_m", 18: "q6_k", 25: "iq4_nl", 30: "iq4_xs", 32: "bf16", 38: "mxfp4_q8",
}  # fmt: skip
"""What the file as a whole is called, by ``general.file_type`` (llama.h's ``llama_ftype``)."""
