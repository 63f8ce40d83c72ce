"""A folder of files, all of them or nothing."""

import os
import shutil
import stat
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simulator.files.followed import followed
from simulator.files.locks import is_still, try_lock
from simulator.files.told import told_as_input_error
from simulator.files.whole_file import HIDDEN, may_write, unused_name


def check_folder(folder: Path, names: Collection[str]) -> None:
    """See that files of these names can be written to ``folder``, before hours are spent on them.

    Nothing is left behind: folders that are missing are only made when the files are there.

    Raises:
        InputError: they cannot; names the folder and the reason.
    """
    with told_as_input_error(folder):
        nearest = target = followed(folder)
        while not nearest.exists():
            nearest = nearest.parent
        if not nearest.is_dir():
            raise NotADirectoryError(20, f"{nearest} is a file")
        _check_replaceable(target, names)
        staging, lock = _staging(nearest)
        os.close(lock)
        staging.rmdir()


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, whose files are in ``folder`` all at once when all went well.

    ``folder`` appears by one rename; one that held nothing but files of the same names is
    exchanged for the new one, also at once. Where it holds other files they stay, and those of
    the same names are replaced one by one, or put back should that fail.

    Raises:
        InputError: the folder cannot be written.
    """
    with told_as_input_error(folder):
        target = followed(folder)
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(20, "it is a file")
        home = target if target.is_dir() and not _may_be_exchanged(target) else target.parent
        with _made(home):
            _sweep(home)
            staging, lock = _staging(home)
            try:
                yield staging
                _publish(staging, target)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
                os.close(lock)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make ``folder`` with all that are above it; those made go again should anything fail."""
    missing = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise


def _staging(home: Path) -> tuple[Path, int]:
    """A hidden folder in ``home``, and the lock that says that it is in use."""
    while True:
        path = unused_name(home)
        path.mkdir()
        lock = os.open(path, os.O_RDONLY)
        if try_lock(lock) and is_still(path, lock):
            return path, lock
        os.close(lock)


def _sweep(home: Path) -> None:
    """Remove what runs that were killed left in ``home``."""
    for path in home.glob(f"{HIDDEN}*"):
        with suppress(OSError):
            lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                if sys.platform != "win32" and try_lock(lock):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            finally:
                os.close(lock)


def _may_be_exchanged(target: Path) -> bool:
    """Whether another folder may take the place of ``target``: it is nobody's standpoint."""
    return (
        sys.platform == "linux"
        and not target.is_mount()
        and not target.samefile(Path.cwd())
        and target.stat().st_uid == os.geteuid()
        and may_write(target)
        and may_write(target.parent)
    )


def _publish(staging: Path, target: Path) -> None:
    """Let what is in ``staging`` be in ``target``."""
    names = sorted(path.name for path in staging.iterdir())
    if not target.exists():
        # Another run may have made it a moment ago: a rename replaces no folder with files in it.
        try:
            staging.rename(target)
            return
        except OSError:
            if not target.is_dir():
                raise
    _check_replaceable(target, names)
    others = {path.name for path in target.iterdir() if path != staging} - set(names)
    if not others and staging.parent == target.parent:
        staging.chmod(stat.S_IMODE(target.stat().st_mode))
        if _exchange(staging, target):
            return
    _replace_one_by_one(staging, target, names)


def _check_replaceable(folder: Path, names: Collection[str]) -> None:
    """Refuse to replace what is no file.

    Raises:
        OSError: says of which name.
    """
    for name in names:
        with suppress(FileNotFoundError, NotADirectoryError):
            if not stat.S_ISREG((folder / name).lstat().st_mode):
                raise FileExistsError(17, f"{name} in it is no regular file")


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders swap their names at once; False where the system or the disk cannot."""
    import ctypes

    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    here, exchange = -100, 2
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)


def _replace_one_by_one(staging: Path, target: Path, names: Collection[str]) -> None:
    """Replace files, and put the old ones back should one not be replaced."""
    before = unused_name(staging)
    before.mkdir()
    for name in names:
        if (target / name).exists():
            shutil.copy2(target / name, before / name)
    done: list[str] = []
    try:
        for name in names:
            (staging / name).replace(target / name)
            done.append(name)
    except BaseException:
        for name in done:
            if (before / name).exists():
                (before / name).replace(target / name)
            else:
                (target / name).unlink()
        raise
