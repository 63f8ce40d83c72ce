"""Targets that take what is written as it comes: devices, pipes, this process's own output."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_STDOUT, _STDERR = 1, 2


def is_stream(path: Path) -> bool:
    """Whether ``path`` is no file that could be replaced as a whole.

    A file that no name leads to any more, or that this process's output goes to, is none either.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(found.st_mode):
        return False
    if not stat.S_ISREG(found.st_mode) or own_output(path) is not None:
        return True
    real = Path(os.path.realpath(path))
    return not (real.exists() and os.path.samestat(real.stat(), found))


def own_output(path: Path) -> int | None:
    """The descriptor of this process's output that ``path`` is, as /dev/stdout is."""
    found = path.stat()
    for descriptor in (_STDOUT, _STDERR):
        try:
            if os.path.samestat(os.fstat(descriptor), found):
                return descriptor
        except OSError:
            continue
    return None


@contextmanager
def opened_stream(path: Path) -> Iterator[TextIO]:
    """Write to a stream as it is, behind what this process has written to it already."""
    own = own_output(path)
    if own is None:
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
    else:
        for output in (sys.stdout, sys.stderr):
            output.flush()
        descriptor = os.dup(own)
    with text_file(descriptor) as file:
        yield file


def text_file(descriptor: int) -> TextIO:
    """A file to write text to; lines end as written, and what is no text is escaped."""
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="")
