"""Configs as they lie in folders, written by the tests themselves."""

import json
import os
import struct
from pathlib import Path
from typing import Any

SHAPES: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 10,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 32000,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
"""MLP 1.7616 G, attention 0.4194 G, embedding and head 0.131 G parameters each."""

MLP, ATTENTION, TABLE = 10 * 3 * 4096 * 14336, 10 * 2 * 4096 * 5120, 4096 * 32000
NORMS = 21 * 4096
"""Parameters of the parts of SHAPES."""


def config(**changes: Any) -> dict[str, Any]:
    """SHAPES with fields changed; ``...`` takes one away."""
    return {k: v for k, v in {**SHAPES, **changes}.items() if v is not ...}


def written(folder: Path, content: dict[str, Any], name: str = "config.json") -> str:
    """A folder with the config in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content))
    return str(folder)


def gigabytes(linear_bits: float, *, attention: float | None = None, table: float = 16) -> float:
    """Weights of SHAPES: MLPs of so many bits, attention too unless told, two tables."""
    attention = linear_bits if attention is None else attention
    bits = MLP * linear_bits + ATTENTION * attention + 2 * TABLE * table + NORMS * 16
    return bits / 8e9


def write_safetensors(path: Path, sizes: dict[str, int], *, data: bool = True) -> Path:
    """A safetensors file of tensors with so many bytes, their data a hole in the file."""
    header, at = {}, 0
    for name, size in sizes.items():
        header[name] = {"dtype": "U8", "shape": [size], "data_offsets": [at, at + size]}
        at += size
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    if data:
        os.truncate(path, 8 + len(text) + at)
    return path
