"""What is assumed of a link where nobody has measured it: the class of its technology."""

from functools import lru_cache
from typing import Literal

from simulator.errors import FieldError, InputError, nearest
from simulator.specs.calibration import Calibration
from simulator.specs.folders import SPECS, names
from simulator.specs.reading import read_mapping, validate

Between = Literal["link_classes", "host_link_classes"]
"""Whether a link joins devices or leads to the host: the folder that holds its class."""


@lru_cache(maxsize=64)
def link_class(name: str, between: Between) -> Calibration:
    """What is assumed of links of class ``name``; a generation has its whole class's file.

    Raises:
        InputError: unknown; suggests the nearest.
    """
    if name not in class_names(between):
        remedy = nearest(name, class_names(between))
        raise InputError(f"unknown link class {name!r}", field="class", remedy=remedy)
    files = names(SPECS / between)
    path = next(files[wider] for wider in widened(name) if wider in files)
    return validate(Calibration, read_mapping(path), path)


def widened(name: str) -> list[str]:
    """``nvlink.4``, ``nvlink``: a class and those that it is a kind of."""
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(len(parts), 0, -1)]


@lru_cache(maxsize=2)
def class_names(between: Between) -> tuple[str, ...]:
    """Every class of such links, generations included."""
    listed = read_mapping(SPECS / "link_technologies.yaml")[between]
    return tuple(dict.fromkeys((*names(SPECS / between), *listed)))


@lru_cache(maxsize=2)
def _technologies(between: Between) -> dict[str, str]:
    """Technology → class."""
    classes = read_mapping(SPECS / "link_technologies.yaml")[between]
    return {name: kind for kind, listed in classes.items() for name in listed}


def class_of_technology(technology: str, between: Between) -> str:
    """The class of a link that people call ``technology``.

    Raises:
        FieldError: no class lists it; suggests the nearest, and the way to add one's own.
    """
    known = _technologies(between)
    found = {name.lower(): kind for name, kind in known.items()}.get(technology.lower())
    if found is None:
        classes = ", ".join(class_names(between))
        raise FieldError(
            f"unknown link technology {technology!r}",
            remedy=f"{nearest(technology, known)} Or name the class it is like; class: {classes}",
        )
    return found


def known_class(name: str, between: Between) -> str:
    """``name``, if it is a class of such links.

    Raises:
        FieldError: unknown; suggests the nearest.
    """
    known = class_names(between)
    if name not in known:
        raise FieldError(f"unknown link class {name!r}", remedy=nearest(name, known))
    return name
