"""What the weight files beside a ``config.json`` hold, by their headers alone.

A ``.safetensors`` file begins with eight bytes, the length of the JSON that follows, which names
every tensor with its place in the file (github.com/huggingface/safetensors, README).
"""

import re
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.specs.huggingface.checkpoint import INDEXES
from simulator.specs.json_text import NotJsonError, read_json
from simulator.specs.kept import Reader

_LONGEST_HEADER = 100_000_000
"""Bytes; the library refuses longer ones too."""

_POINTER = b"version https://git-lfs"
_CONSOLIDATED = "consolidated"
"""Files that hold the same weights once more, as Mistral's repositories have them."""


def stored_bytes(folder: Path, reader: Reader) -> float | None:
    """Bytes of all tensors in the folder's weight files; None where there are none.

    Where shards themselves are not there, their index may tell the sum.

    Raises:
        InputError: a file that is cut short, or is no safetensors file.
    """
    # A folder's own stamp changes when a file comes or goes.
    reader.exists(folder)
    index = _index(folder, reader)
    listed = sorted(set(index.get("weight_map", {}).values())) if index else []
    here = [folder / name for name in listed if reader.exists(folder / name)]
    if listed and len(here) < len(listed):
        total = index.get("metadata", {}).get("total_size")
        return float(total) if isinstance(total, int | float) and total > 0 else None
    found = here or [
        path
        for path in sorted(folder.glob("*.safetensors"))
        if not path.name.startswith(_CONSOLIDATED) and reader.exists(path)
    ]
    sizes = list(_sizes(path for path in found if path.suffix == ".safetensors"))
    return float(sum(sizes)) or None


def _index(folder: Path, reader: Reader) -> dict[str, Any]:
    for name in INDEXES:
        if reader.exists(folder / name):
            content = reader.mapping(folder / name)
            if isinstance(content.get("weight_map"), dict):
                return content
    return {}


def _sizes(paths: Iterable[Path]) -> Iterable[int]:
    for path in paths:
        try:
            with path.open("rb") as file:
                start = file.read(len(_POINTER))
                if start == _POINTER:
                    yield _pointed(start + file.read(1024))
                    continue
                yield _held(path, start + file.read(max(0, _length(path, start) - len(start) + 8)))
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", file=path) from None


def _pointed(text: bytes) -> int:
    """The size that a Git LFS pointer names in the place of the file."""
    found = re.search(rb"^size (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _length(path: Path, start: bytes) -> int:
    """Bytes of the JSON header."""
    if len(start) < 8:
        raise _cut_short(path)
    (length,) = struct.unpack("<Q", start[:8])
    if length > _LONGEST_HEADER:
        raise InputError(
            "not a safetensors file: its header would be longer than any is",
            file=path,
            remedy="download it again, or take it out of the folder",
        )
    return int(length)


def _held(path: Path, start: bytes) -> int:
    """Bytes of the tensors that the header names, all of which must be in the file."""
    length = _length(path, start)
    if len(start) < 8 + length:
        raise _cut_short(path)
    try:
        header = read_json(start[8 : 8 + length].decode("utf-8"))
    except (NotJsonError, UnicodeDecodeError) as error:
        raise InputError(
            f"not a safetensors file: {error}", file=path,
            remedy="download it again, or take it out of the folder",
        ) from None  # fmt: skip
    if not isinstance(header, dict):
        raise InputError("not a safetensors file", file=path, remedy="download it again")
    places = [
        tensor["data_offsets"]
        for name, tensor in header.items()
        if name != "__metadata__" and isinstance(tensor, dict) and "data_offsets" in tensor
    ]
    end = max((place[1] for place in places), default=0)
    data = path.stat().st_size - 8 - length
    # A header that was fetched alone has no data at all.
    if 0 < data < end:
        raise _cut_short(path)
    return sum(last - first for first, last in places)


def _cut_short(path: Path) -> InputError:
    return InputError(
        f"the file ends after {path.stat().st_size:,} bytes, before its last tensor",
        file=path,
        remedy="it is cut short: copy or download it again, whole",
    )
