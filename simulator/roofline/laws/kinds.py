"""Every law that is known, by name: those of the folders beside this file and of other packages."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from simulator.extensions import Group, extension, extension_names
from simulator.roofline import laws
from simulator.roofline.laws.law import LawKind

BENCHMARK = "benchmark."
"""Before a law's name: constants that hold under a kernel benchmark, and in no engine."""

PROMPTS = "prompts"
"""What compute-bound work errs by beside its laws' own errors: the residual of no single law."""

_GROUP: Group = "roofsim.laws"


@cache
def built_in() -> Mapping[str, LawKind[Any, Any]]:
    """Laws by name; the module ``constants`` of each folder holds its own."""
    found: dict[str, LawKind[Any, Any]] = {}
    for folder in folders():
        kinds = vars(import_module(f"{folder}.constants")).values()
        found |= {kind.name: kind for kind in kinds if isinstance(kind, LawKind)}
    return found


def folders() -> Iterator[str]:
    """The package of every law beside this file."""
    found = (each for each in iter_modules(laws.__path__) if each.ispkg)
    return (f"{laws.__name__}.{folder.name}" for folder in found)


def load_extensions() -> None:
    """Import the laws of other packages, whose costs are registered on the way."""
    for name in extension_names(_GROUP):
        extension(_GROUP, name, LawKind)


@cache
def kind_of(name: str) -> LawKind[Any, Any] | None:
    """The law that a section called ``name`` tells of; None where none is known by that name."""
    for wider in widening(name.removeprefix(BENCHMARK)):
        if wider in built_in():
            return built_in()[wider]
    return extension(_GROUP, name.removeprefix(BENCHMARK).split(".")[0], LawKind)


@cache
def is_law(name: str) -> bool:
    """Whether sections may tell constants and kernels of ``name``."""
    kind, plain = kind_of(name), name.removeprefix(BENCHMARK)
    return kind is not None and plain in {kind.name, *map(kind.named, kind.variants)}


@cache
def is_residual(name: str) -> bool:
    """Whether sections may tell an error of ``name``: a law, a group of laws, or of prompts."""
    return name == PROMPTS or name in _groups() or is_law(name)


def names_of_laws() -> Iterator[str]:
    """Every name that sections may use, for suggestions."""
    yield from extension_names(_GROUP)
    for kind in built_in().values():
        yield kind.name
        yield from map(kind.named, kind.variants)


def names_of_residuals() -> Iterator[str]:
    """The same for errors."""
    yield from (PROMPTS, *_groups(), *names_of_laws())


def _groups() -> set[str]:
    """What names of several laws begin with."""
    return {wider for name in built_in() for wider in widening(name)[1:]}


def widening(name: str) -> list[str]:
    """``a.b.c``, ``a.b``, ``a``: a law and those it is laid over.

    A benchmark's constants are laid over those of the law in an engine.
    """
    plain = name.removeprefix(BENCHMARK)
    parts = plain.split(".")
    wider = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return wider if plain == name else [name, *wider]
