"""A device's law book from the calibration sections of its class and of its own."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from simulator.errors import InputError, nearest
from simulator.roofline.laws.book import LawBook, Section
from simulator.roofline.laws.kinds import (
    is_law,
    is_residual,
    names_of_laws,
    names_of_residuals,
)
from simulator.specs.calibration import Calibration

ValueT = TypeVar("ValueT")


def law_book(owner: str, of_class: Calibration, own: Calibration | None) -> LawBook:
    """The laws of one engine of ``owner``: its own constants laid over its class's, name by name.

    Raises:
        InputError: a section names a law, constant or kernel family that is not known.
    """
    sections: dict[str, Section] = {}
    _lay(sections, of_class, f"the class of {owner}", is_own=False)
    if own is not None:
        _lay(sections, own, owner, is_own=True)
    return LawBook.of(owner, sections)


def _lay(
    sections: dict[str, Section], calibration: Calibration, owner: str, *, is_own: bool
) -> None:
    """Lay one calibration over the ``sections`` so far."""
    for name, constants in _known(calibration.constants, "constants", owner, is_law, names_of_laws):
        below = sections.get(name, Section())
        sections[name] = replace(
            below,
            constants={**below.constants, **{n: q.value for n, q in constants.items()}},
            origin=calibration.measured_with,
            is_own=is_own,
        )
    for name, family in _known(calibration.kernels, "kernels", owner, is_law, names_of_laws):
        sections[name] = replace(sections.get(name, Section()), family=family)
    errors = calibration.residual
    for name, residual in _known(errors, "residual", owner, is_residual, names_of_residuals):
        sections[name] = replace(sections.get(name, Section()), residual=residual.value)


def _known(
    section: Mapping[str, ValueT],
    field: str,
    owner: str,
    is_known: Callable[[str], bool],
    names: Callable[[], Iterable[str]],
) -> Iterator[tuple[str, ValueT]]:
    """The entries of a part of a calibration, once each name turns out to be known."""
    for name, value in section.items():
        if not is_known(name):
            raise InputError(
                "unknown law",
                file=owner,
                field=f"calibration.{field}.{name}",
                remedy=nearest(name, names()),
            )
        yield name, value
