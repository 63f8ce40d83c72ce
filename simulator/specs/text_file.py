"""Whole text files, read or refused: every way in which a path may be none is told alike."""

import gzip
import zlib
from io import BytesIO
from pathlib import Path
from typing import Protocol

from simulator.errors import InputError

_PACKED = b"\x1f\x8b"


def read_text(path: Path, most_bytes: int, field: str | None = None) -> str:
    """The text of a UTF-8 file, unpacked where it is gzip.

    Args:
        path: the file.
        most_bytes: a larger text is refused before it is read whole, packed or not.
        field: the field that names the file, for messages.

    Raises:
        InputError: no such file, one that cannot be read, is damaged, is no text, or is too
            large; names it.
    """
    try:
        with path.open("rb") as file:
            content = _bounded(file, path, most_bytes)
        if content[:2] == _PACKED:
            with gzip.open(BytesIO(content)) as unpacked:
                content = _bounded(unpacked, path, most_bytes)
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError("no such file", file=path, field=field) from None
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 text: byte {error.start} cannot be read"
        raise InputError(problem, file=path, field=field) from None
    except (OSError, EOFError, zlib.error, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        problem = f"cannot be read: {reason}"
        raise InputError(problem, file=path, field=field) from None


def is_file(path: Path) -> bool:
    """Whether the file is there; a path that none can have names no file."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def exists(path: Path) -> bool:
    """Whether anything is there: a file, a folder, a pipe."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether the folder is there; a path that none can have names no folder."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _bounded(file: _Readable, path: Path, most_bytes: int) -> bytes:
    content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise InputError(
            f"holds more than {most_bytes / 1e6:g} MB", file=path, remedy="give a part of it"
        )
    return content
