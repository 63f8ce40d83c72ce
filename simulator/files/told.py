"""What the system refuses about a target, as the one error a user is meant to see."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator.errors import InputError


@contextmanager
def told_as_input_error(target: Path, field: str | None = None) -> Iterator[None]:
    """Say of ``target``, which came from ``field``, why it cannot be written.

    A reader that has gone away is no mistake of the target's: that error passes.

    Raises:
        InputError: the system refused something, or nothing can be called so.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) and not _is_no_path(target):
            raise
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise InputError(
            f"cannot be written: {reason}",
            file=target,
            field=field,
            remedy="choose another path, one that you may write to and that has room",
        ) from error


def _is_no_path(target: Path) -> bool:
    """Whether no file could ever be called so: a zero byte, characters that no file name has."""
    try:
        target.lstat()
    except OSError:
        return False
    except ValueError:
        return True
    return False
