"""One file, all of it or nothing."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from simulator.files.followed import followed
from simulator.files.locks import is_still, try_lock
from simulator.files.stream import is_stream, opened_stream, text_file
from simulator.files.told import told_as_input_error

HIDDEN = ".roofsim-"
"""What files and folders under work are called first; nobody else's are."""


@contextmanager
def whole_file(path: Path, field: str | None = None) -> Iterator[TextIO]:
    """A text file to write to, which becomes ``path`` when all went well and is gone when not.

    A link stays one: what it leads to is replaced. A device or a pipe is written to as it is.
    Lines end as they are written; characters that are no text are escaped.

    Raises:
        InputError: ``path`` cannot be written; names ``field``, where it came from.
    """
    with told_as_input_error(path, field):
        if is_stream(path):
            with opened_stream(path) as file:
                yield file
        else:
            with _replacing(followed(path)) as file:
                yield file


def may_write(path: Path) -> bool:
    """Whether this process may change a file, or what is in a folder."""
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def unused_name(folder: Path) -> Path:
    """A hidden name in ``folder`` that nothing bears."""
    return folder / f"{HIDDEN}{os.urandom(8).hex()}"


@contextmanager
def _replacing(target: Path) -> Iterator[TextIO]:
    mode = _mode_of(target)
    descriptor, name = _new_file(target.parent)
    try:
        with text_file(descriptor) as file:
            yield file
            file.flush()
            if mode is not None:
                os.fchmod(descriptor, mode)
            if name is None:
                name = unused_name(target.parent)
                _give_name(descriptor, name)
            name.replace(target)
            name = None
    finally:
        if name is not None:
            with suppress(OSError):
                name.unlink()


def _mode_of(target: Path) -> int | None:
    """The permissions of the file that is replaced, which the new one keeps.

    Raises:
        OSError: it is a folder, or may not be written.
    """
    try:
        found = target.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found):
        raise IsADirectoryError(21, "it is a folder")
    if not may_write(target):
        raise PermissionError(13, "it is read-only")
    return stat.S_IMODE(found)


def _new_file(folder: Path) -> tuple[int, Path | None]:
    """A new file on the disk of ``folder``: without a name, where the system has such.

    A file without a name is gone with its process, even one that is killed. The lock on the file
    says that it is in use.
    """
    if hasattr(os, "O_TMPFILE"):
        with suppress(OSError):
            descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o666)
            if _proc(descriptor).exists() and try_lock(descriptor):
                return descriptor, None
            os.close(descriptor)
    while True:
        name = unused_name(folder)
        descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        if try_lock(descriptor) and is_still(name, descriptor):
            return descriptor, name
        os.close(descriptor)


def _proc(descriptor: int) -> Path:
    """An open file among the process's own, whether it has a name or not."""
    return Path(f"/proc/self/fd/{descriptor}")


def _give_name(descriptor: int, name: Path) -> None:
    """Let a file without a name have one."""
    folder = os.open(name.parent, os.O_RDONLY)
    try:
        os.link(_proc(descriptor), name.name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(folder)
