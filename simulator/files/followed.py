"""Where a path leads."""

import os
from pathlib import Path


def followed(path: Path) -> Path:
    """``path`` without links, as the system goes it; what is missing at its end as it is written.

    Raises:
        OSError: it goes in a circle, through a file, or up from a folder that is missing.
    """
    if _is_there(path):
        # Links that go in a circle are an error here, and would go on for ever below.
        return Path(os.path.realpath(path))
    while path.is_symlink():
        path = path.parent / path.readlink()
    nearest, missing = path, list[str]()
    while not _is_there(nearest):
        missing.insert(0, nearest.name)
        nearest = nearest.parent
    if ".." in missing:
        raise FileNotFoundError(2, "it goes up from a folder that is missing")
    return Path(os.path.realpath(nearest), *missing)


def _is_there(path: Path) -> bool:
    """Whether something is called so; a file on the way there is an error."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True
