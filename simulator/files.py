"""Files that are whole or not there at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simulator.errors import InputError


@contextmanager
def whole_file(path: Path, field: str | None = None) -> Iterator[Path]:
    """A path to write to, which becomes ``path`` when all went well and is gone when not.

    Raises:
        InputError: ``path`` cannot be written; names ``field``, where it came from.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}",
            file=path,
            field=field,
            remedy="choose another path",
        ) from None
    finally:
        with suppress(OSError):
            partial.unlink()
