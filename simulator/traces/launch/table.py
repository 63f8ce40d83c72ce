"""What every argument of an engine's launch line means, read from one table an engine."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

from simulator.errors import InputError, nearest
from simulator.specs.quantity import Spec
from simulator.specs.reading import read_mapping, validate

TABLES = Path(__file__).resolve().parent / "tables"

Takes = Literal["value", "count", "nothing", "list", "object", "file"]
"""What follows an argument's name: a word, a count (``32k``), nothing, words, JSON, a YAML file."""


class Setting(Spec):
    """An argument that sets something.

    Args:
        also: other names of it.
        takes: what follows its name.
        field: the path in a scenario that it sets.
        means: what it is, with its unit.
        words: the engine's words for values, and the scenario's; null leaves the field open.
        switches_off: named, it sets the field to false.
        by_rule: with others it settles one thing; the engine's rules say how.
    """

    also: tuple[str, ...] = ()
    takes: Takes = "value"
    field: str
    means: str
    words: dict[str, str | float | None] = {}
    switches_off: bool = False
    by_rule: bool = False


class Unused(Spec):
    """Arguments that set nothing.

    Args:
        because: why not.
        changes_speed: whether a server is faster or slower with them.
        values, switches, lists, objects: their names, by what follows them.
    """

    because: str
    changes_speed: bool
    values: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()

    def names(self) -> Iterator[tuple[str, Takes]]:
        """Every name, with what follows it."""
        kinds: tuple[tuple[tuple[str, ...], Takes], ...] = (
            (self.values, "value"), (self.switches, "nothing"), (self.lists, "list"),
            (self.objects, "object"),
        )  # fmt: skip
        return ((name, takes) for names, takes in kinds for name in names)


class LaunchTable(Spec):
    """One engine's launch line.

    Args:
        engine: the engine's name in a scenario.
        source: where its arguments were read.
        starts: the words that a line begins with.
        images: container images that begin so by themselves; the first is written.
        opposites: beginnings of switches, and of the same switches turned off.
        sets: arguments that set something, by name.
        written_as_yaml: they are written to a file that ``--config`` names, as fields of it.
        unused: all others, by why they set nothing.
    """

    engine: str
    source: str
    starts: tuple[str, ...]
    images: tuple[str, ...]
    opposites: dict[str, str] = {}
    written_as_yaml: bool = False
    sets: dict[str, Setting]
    unused: tuple[Unused, ...]


class Known:
    """Every argument of one engine by every spelling of its name."""

    def __init__(self, table: LaunchTable) -> None:
        self.table = table
        self.takes: dict[str, Takes] = {}
        self.unused: dict[str, Unused] = {}
        self._canonical: dict[str, str] = {}
        self._opposite: dict[str, str] = {}
        for name, setting in table.sets.items():
            for spelled in (name, *setting.also):
                self._add(name, spelled, setting.takes)
        for group in table.unused:
            for name, takes in group.names():
                self._add(name, name, takes)
                self.unused[name] = group

    def _add(self, name: str, spelled: str, takes: Takes) -> None:
        self.takes[name] = takes
        self._canonical[alike(spelled)] = name
        if takes == "nothing" and spelled.startswith("--"):
            for start, other in self.table.opposites.items():
                if spelled.startswith(start):
                    self._opposite[alike(other + spelled.removeprefix(start))] = name

    def find(self, spelled: str) -> tuple[str, bool] | None:
        """The argument's own name, and whether it is switched on; None where nobody knows it.

        Long names may be cut short while they stay unlike all others, as the engines allow.
        """
        sought = alike(spelled)
        if sought in self._canonical:
            return self._canonical[sought], True
        if sought in self._opposite:
            return self._opposite[sought], False
        if not sought.startswith("--"):
            return None
        begun = {name for key, name in self._canonical.items() if key.startswith(sought)}
        return (begun.pop(), True) if len(begun) == 1 else None

    def has_members(self, name: str) -> bool:
        """Whether there are arguments called ``name.something``."""
        start = alike(name) + "."
        return any(key.startswith(start) for key in self._canonical)

    def nearest(self, spelled: str) -> str:
        """A suggestion of known names for one that is not."""
        return nearest(spelled, {*self.takes, *(s for each in self._all_names() for s in each)})

    def _all_names(self) -> Iterator[tuple[str, ...]]:
        return (setting.also for setting in self.table.sets.values())


def alike(name: str) -> str:
    """A name as it is compared: dashes and underscores mean the same."""
    return name.replace("_", "-")


def engines() -> tuple[str, ...]:
    """Engines whose launch lines are known."""
    return tuple(sorted(path.stem for path in TABLES.glob("*.yaml")))


@cache
def known(engine: str) -> Known:
    """The arguments of an engine.

    Raises:
        InputError: nobody wrote a table for it; suggests the nearest.
    """
    path = TABLES / f"{engine}.yaml"
    if engine not in engines():
        raise InputError(
            f"no launch lines of {engine!r} are known", remedy=nearest(engine, engines())
        )
    return Known(validate(LaunchTable, read_mapping(path), path))
