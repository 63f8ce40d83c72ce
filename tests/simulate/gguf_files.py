"""GGUF headers as the tests write them: metadata and tensors, the data left out or sparse."""

import os
import struct
from pathlib import Path
from typing import Any

Q4_K, Q6_K, F32, F16, Q8_0 = 12, 14, 0, 1, 8
_BLOCKS = {Q4_K: (256, 144), Q6_K: (256, 210), F32: (1, 4), F16: (1, 2), Q8_0: (32, 34)}

LLAMA = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "general.file_type": 15,
    "llama.block_count": 2,
    "llama.embedding_length": 512,
    "llama.feed_forward_length": 1024,
    "llama.attention.head_count": 8,
    "llama.attention.head_count_kv": 2,
    "llama.context_length": 4096,
    "tokenizer.ggml.tokens": ["a", "b"],
    "llama.rope.freq_base": 10000.0,
}


def llama_tensors(blocks: int = 2, down: int = Q6_K) -> dict[str, tuple[tuple[int, ...], int]]:
    """The tensors of LLAMA: name → shape and type."""
    found: dict[str, tuple[tuple[int, ...], int]] = {
        "token_embd.weight": ((512, 2000), Q4_K),
        "output.weight": ((512, 2000), Q6_K),
        "output_norm.weight": ((512,), F32),
    }
    for i in range(blocks):
        found |= {
            f"blk.{i}.attn_q.weight": ((512, 512), Q4_K),
            f"blk.{i}.attn_k.weight": ((512, 128), Q4_K),
            f"blk.{i}.attn_v.weight": ((512, 128), Q6_K),
            f"blk.{i}.attn_output.weight": ((512, 512), Q4_K),
            f"blk.{i}.ffn_gate.weight": ((512, 1024), Q4_K),
            f"blk.{i}.ffn_up.weight": ((512, 1024), Q4_K),
            f"blk.{i}.ffn_down.weight": ((1024, 512), down),
            f"blk.{i}.attn_norm.weight": ((512,), F32),
            f"blk.{i}.ffn_norm.weight": ((512,), F32),
        }
    return found


def size_of(tensors: dict[str, tuple[tuple[int, ...], int]]) -> int:
    """Bytes of all tensors."""
    return sum(_bytes(shape, kind) for shape, kind in tensors.values())


def _bytes(shape: tuple[int, ...], kind: int) -> int:
    elements = 1
    for n in shape:
        elements *= n
    block, size = _BLOCKS[kind]
    return elements // block * size


def _text(value: str, order: str) -> bytes:
    raw = value.encode()
    return struct.pack(f"{order}Q", len(raw)) + raw


def _value(value: Any, order: str) -> bytes:
    if isinstance(value, str):
        return struct.pack(f"{order}I", 8) + _text(value, order)
    if isinstance(value, float):
        return struct.pack(f"{order}If", 6, value)
    if isinstance(value, int):
        return struct.pack(f"{order}II", 4, value)
    kind = 8 if isinstance(value[0], str) else 4
    start = struct.pack(f"{order}IIQ", 9, kind, len(value))
    if kind == 8:
        return start + b"".join(_text(v, order) for v in value)
    return start + b"".join(struct.pack(f"{order}I", v) for v in value)


def write_gguf(
    path: Path,
    metadata: dict[str, Any],
    tensors: dict[str, tuple[tuple[int, ...], int]],
    *,
    order: str = "<",
    data: bool = True,
) -> Path:
    """A GGUF file, its weights a hole in the file (or nothing at all)."""
    head = b"GGUF" + struct.pack(f"{order}IQQ", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += _text(key, order) + _value(value, order)
    offset = 0
    for name, (shape, kind) in tensors.items():
        head += _text(name, order) + struct.pack(f"{order}I", len(shape))
        head += struct.pack(f"{order}{len(shape)}Q", *shape)
        head += struct.pack(f"{order}IQ", kind, offset)
        offset += -(-_bytes(shape, kind) // 32) * 32
    path.write_bytes(head)
    if data:
        os.truncate(path, -(-len(head) // 32) * 32 + offset)
    return path
