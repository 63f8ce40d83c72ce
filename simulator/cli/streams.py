"""Standard output and error, whatever a shell did with them: closed, full, or read no longer."""

import errno
import os
import sys

_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EPIPE)


def open_streams() -> None:
    """Give a process whose streams were closed some that say so, instead of none at all."""
    if not sys.stdout:
        # Nothing can be written to what is open for reading alone.
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if not sys.stderr:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


def cannot_write(error: OSError) -> bool:
    """Whether a stream could not be written; errors of files name the file."""
    return error.filename is None and error.errno in _CANNOT_WRITE


def drop_output() -> None:
    """Forget what could not be written, so that Python does not try again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
