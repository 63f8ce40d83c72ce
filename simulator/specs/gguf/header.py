"""The header of a GGUF file: metadata, and name, shape and type of every tensor. No weights.

The format is ggml/docs/gguf.md, versions 2 and 3. The reader of llama.cpp's own gguf-py maps every
tensor's data, which a partial download or a header alone does not have; this one stops before them.
"""

import mmap
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

from simulator.errors import InputError, shown
from simulator.specs.gguf.types import TYPES, TensorType


@dataclass(frozen=True, slots=True)
class Length:
    """How many entries an array has that is too long to be kept."""

    entries: int


Scalar = int | float | bool
Value = Scalar | str | list[Scalar] | Length


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor; ``shape`` begins with the values of a row."""

    name: str
    shape: tuple[int, ...]
    type: TensorType

    @property
    def elements(self) -> int:
        """Values in all."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """What its data takes in the file."""
        return self.elements // self.type.block * self.type.block_bytes


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says before its weights; ``has_data`` is False for a header alone."""

    metadata: dict[str, Value]
    tensors: tuple[Tensor, ...]
    has_data: bool

    def text(self, key: str) -> str | None:
        """The text under ``key``; None where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | None:
        """The whole number under ``key``; None where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


_MAGIC = b"GGUF"
_POINTER = b"version https://git-lfs"
_KEPT = 4096
"""Longest array of numbers that is kept: one for each layer, say; vocabularies are counted."""

_MOST = 1 << 20
"""Most tensors and most keys that a file may have."""

_SCALARS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9


def read_header(path: Path) -> Header:
    """The header of the file at ``path``.

    Raises:
        InputError: no such file, no GGUF file, one of another endianness or version, or one that
            is cut short.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size < len(_MAGIC):
                raise _cut_short(path, size)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return _Reader(path, content, size).header()
    except FileNotFoundError:
        raise InputError("no such file", file=path, remedy="check the path") from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None


def _cut_short(path: Path, size: int) -> InputError:
    return InputError(
        f"the file ends after {size:,} bytes, in the middle of what its header tells",
        file=path,
        remedy="it is cut short: copy or download it again, whole",
    )


class _Reader:
    """Reads values one after another from a mapped file."""

    def __init__(self, path: Path, content: mmap.mmap, size: int) -> None:
        self.path, self.content, self.size = path, content, size
        self.at = 0

    def header(self) -> Header:
        """Everything before the weights."""
        self._check_magic()
        tensors, keys = self._number("Q"), self._number("Q")
        if max(tensors, keys) > _MOST:
            raise self._error(f"{tensors} tensors and {keys} keys are more than any model has")
        metadata: dict[str, Value] = {}
        for _ in range(keys):
            key = self._string()
            metadata[key] = self._value(self._number("I"))
        found = [self._tensor() for _ in range(tensors)]
        return Header(metadata, tuple(t for t, _ in found), self._has_data(metadata, found))

    def _check_magic(self) -> None:
        start = self.content[: len(_POINTER)]
        if start == _POINTER:
            raise InputError(
                "this is a Git LFS pointer in the place of the file",
                file=self.path,
                remedy="fetch the file itself: git lfs pull",
            )
        if start[:4] != _MAGIC:
            raise self._error("not a GGUF file: it does not begin with GGUF")
        self.at = 4
        version = self._number("I")
        if version & 0xFFFF == 0 and version:
            raise InputError(
                "the file is big-endian, made for machines like s390x",
                file=self.path,
                remedy="convert it with gguf-convert-endian of gguf-py, or download the other one",
            )
        if version not in (2, 3):
            raise self._error(f"version {version} of GGUF is not understood; 2 and 3 are")

    def _has_data(self, metadata: dict[str, Value], found: list[tuple[Tensor, int]]) -> bool:
        alignment = metadata.get("general.alignment", 32)
        step = alignment if isinstance(alignment, int) and alignment > 0 else 32
        start = -(-self.at // step) * step
        needed = max((offset + tensor.bytes for tensor, offset in found), default=0)
        if self.size <= start:
            return False
        if self.size < start + needed:
            raise InputError(
                f"the file has {self.size:,} bytes, but its tensors need {start + needed:,}",
                file=self.path,
                remedy="it is cut short: copy or download it again, whole",
            )
        return True

    def _tensor(self) -> tuple[Tensor, int]:
        name = self._string()
        dimensions = self._number("I")
        if dimensions > 8:
            raise self._error(f"tensor {shown(name)} has {dimensions} dimensions")
        shape = tuple(self._number("Q") for _ in range(dimensions))
        number = self._number("I")
        if number not in TYPES:
            raise self._error(f"tensor {shown(name)} is of type {number}, which is not known")
        return Tensor(name, shape, TYPES[number]), self._number("Q")

    def _value(self, kind: int) -> Value:
        if kind in _SCALARS:
            return self._scalar(_SCALARS[kind])
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array()
        raise self._error(f"a value of kind {kind} is not understood")

    def _array(self) -> Value:
        kind, count = self._number("I"), self._number("Q")
        if count > self.size:
            raise _cut_short(self.path, self.size)
        if kind == _STRING:
            for _ in range(count):
                self._skip(self._number("Q"))
            return Length(count)
        if kind not in _SCALARS:
            raise self._error(f"an array of values of kind {kind} is not understood")
        if count > _KEPT:
            self._skip(count * struct.calcsize(f"<{_SCALARS[kind]}"))
            return Length(count)
        return [self._scalar(_SCALARS[kind]) for _ in range(count)]

    def _string(self) -> str:
        length = self._number("Q")
        start = self.at
        self._skip(length)
        return self.content[start : self.at].decode("utf-8", errors="replace")

    def _number(self, form: str) -> int:
        return int(self._scalar(form))

    def _scalar(self, form: str) -> Scalar:
        start = self.at
        self._skip(struct.calcsize(f"<{form}"))
        value: Scalar = struct.unpack_from(f"<{form}", self.content, start)[0]
        return value

    def _skip(self, count: int) -> None:
        self.at += count
        if self.at > self.size:
            raise _cut_short(self.path, self.size)

    def _error(self, problem: str) -> InputError:
        return InputError(problem, file=self.path, remedy="download it again, or convert it anew")
