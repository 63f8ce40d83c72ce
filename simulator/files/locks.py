"""Locks that end with the process that holds them, however it ends."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator.errors import InputError
from simulator.files.followed import followed
from simulator.files.stream import is_stream
from simulator.files.told import told_as_input_error


@contextmanager
def reserved(target: Path) -> Iterator[None]:
    """Let no second run begin that ends in ``target`` while this one is under way.

    The lock is a file among the user's temporary ones, so that a run that is killed leaves
    nothing beside its target. A pipe or a device takes what comes from whom it comes.

    Raises:
        InputError: another run of this user on this machine is writing there.
    """
    with told_as_input_error(target):
        file = None if is_stream(target) else _lock_file(followed(target))
    if file is None:
        yield
        return
    descriptor = _locked(file)
    if descriptor is None:
        raise InputError(
            "another run is writing here",
            file=target,
            remedy="wait until it has ended, or choose another place with --out",
        )
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Lock an open file or folder; False when another process has.

    Where the system has no such locks nobody is kept out.
    """
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def is_still(path: Path, descriptor: int) -> bool:
    """Whether ``path`` still is what was opened as ``descriptor``."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock_file(path: Path) -> Path | None:
    """Where the lock of a path stands; None where the user can have no temporary files."""
    if sys.platform == "win32":
        return None
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
    try:
        folder = Path(tempfile.gettempdir()) / f"roofsim-{os.geteuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        is_own = folder.lstat().st_uid == os.geteuid() and not folder.is_symlink()
    except OSError:
        return None
    return folder / f"{name}.lock" if is_own and os.access(folder, os.W_OK) else None


def _locked(file: Path) -> int | None:
    """The descriptor of the lock file, once it is this process's; None when another has it."""
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        if not try_lock(descriptor):
            os.close(descriptor)
            return None
        if is_still(file, descriptor):
            return descriptor
        # Its last owner removed it between our opening it and our locking it.
        os.close(descriptor)
