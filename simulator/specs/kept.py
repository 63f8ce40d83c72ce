"""What was read from files is kept while the files stay as they were.

A user edits a chip's file in a notebook and asks again: the new content counts. Whoever loads
something reads through a ``Reader``, which notes how each file looked just before it was read; a
later call compares, and loads again when any of them has changed, appeared or gone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from simulator.specs.reading import read_mapping

LoadedT = TypeVar("LoadedT")


class Stamp(NamedTuple):
    """What distinguishes two contents of one file without reading it."""

    modified_ns: int
    size: int
    inode: int


def stamp(path: Path) -> Stamp | None:
    """How ``path`` looks now; None where no such file is."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return Stamp(found.st_mtime_ns, found.st_size, found.st_ino)


class Reader:
    """Reads mappings, and remembers what each file was when it was looked at."""

    def __init__(self) -> None:
        self.seen: dict[Path, Stamp | None] = {}

    def exists(self, path: Path) -> bool:
        """Whether the file is there; that it is not is remembered too."""
        place = Path.cwd() / path
        if place not in self.seen:
            self.seen[place] = stamp(place)
        return self.seen[place] is not None

    def mapping(self, path: Path) -> dict[str, Any]:
        """The content of one YAML or JSON file.

        Raises:
            InputError: see ``read_mapping``.
        """
        self.exists(path)
        return read_mapping(path)


def kept(load: Callable[[Path, Reader], LoadedT]) -> Callable[[Path], LoadedT]:
    """``load(path, reader)`` as a function of the path alone that answers again from memory.

    The same object comes back for as long as no file that it was loaded from has changed.
    """
    known: dict[Path, tuple[LoadedT, dict[Path, Stamp | None]]] = {}

    @wraps(load)
    def fresh(path: Path) -> LoadedT:
        # A relative path means another file after a change of directory.
        place = Path.cwd() / path
        found = known.get(place)
        if found is None or any(stamp(file) != was for file, was in found[1].items()):
            reader = Reader()
            found = known[place] = load(path, reader), reader.seen
        return found[0]

    return fresh


@dataclass(frozen=True, slots=True, eq=False)
class Same(Generic[LoadedT]):
    """Something that was loaded, as a key of a cache: equal to itself alone, however large."""

    thing: LoadedT

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)
