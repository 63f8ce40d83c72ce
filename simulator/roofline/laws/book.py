"""The law book of one device: what calibrations say of each law, put together and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from simulator.errors import InputError, nearest
from simulator.roofline.laws.kinds import BENCHMARK, PROMPTS, kind_of, widening
from simulator.roofline.laws.law import ConstantsT, FamilyT, Law, LawKind, checked

_UNKNOWN_RESIDUAL = 0.3
"""Relative error of a law that nobody gave one."""

_UNKNOWN_ORIGIN = "class default"

_NONE: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Section:
    """What calibrations say under one name: of a law, or of a group of laws.

    A device's own words are laid over its class's. ``is_own`` says whether some constants were
    measured on this very device.
    """

    constants: Mapping[str, float] = field(default_factory=dict)
    family: str | None = None
    residual: float | None = None
    origin: str | None = None
    is_own: bool = False


@dataclass(frozen=True, eq=False)
class LawBook:
    """Every law of one device, built and checked when the book is made.

    Args:
        owner: whose book it is, as messages name it.
        sections: what calibrations say, by name; ``matmul.bf16`` is laid over ``matmul``.
        given: laws whose constants stand elsewhere than in sections, by name: links.
        laws: all of them by name.
    """

    owner: str
    sections: Mapping[str, Section]
    given: Mapping[str, Law[Any, Any]]
    laws: Mapping[str, Law[Any, Any]] = field(repr=False)

    @staticmethod
    def of(
        owner: str,
        sections: Mapping[str, Section],
        given: Mapping[str, Law[Any, Any]] = _NONE,
    ) -> "LawBook":
        """The book of ``owner``, all of its laws built.

        Raises:
            InputError: constants or a kernel family are not of their law, or are missing.
        """
        kinds = {
            name: kind_of(name)
            for name, section in sections.items()
            if section.constants or section.family
        }
        laws = {
            name: _built(kind, name, owner, sections)
            for name, kind in kinds.items()
            if kind is not None
        }
        return LawBook(owner, sections, given, {**laws, **given})

    def law(
        self, kind: LawKind[ConstantsT, FamilyT], variant: str = ""
    ) -> Law[ConstantsT, FamilyT]:
        """The law ``kind``, or the nearest known one that ``variant`` is laid over.

        Raises:
            InputError: the device has no constants of it.
        """
        for name in widening(kind.named(variant)):
            if name in self.laws:
                return cast("Law[ConstantsT, FamilyT]", self.laws[name])
        return _built(kind, kind.name, self.owner, self.sections)

    def in_benchmark(
        self, kind: LawKind[ConstantsT, FamilyT], variant: str = ""
    ) -> Law[ConstantsT, FamilyT]:
        """The law as kernel benchmarks show it, which run cool and launch by themselves."""
        found = self.laws.get(BENCHMARK + kind.named(variant))
        if found is None:
            return self.law(kind, variant)
        return cast("Law[ConstantsT, FamilyT]", found)

    def has(self, kind: LawKind[Any, Any], variant: str = "") -> bool:
        """Whether the name has constants of its own, not only those of a wider one."""
        section = self.sections.get(kind.named(variant))
        return section is not None and bool(section.constants)

    @property
    def constants(self) -> Mapping[str, Mapping[str, float]]:
        """The constants that each section states by itself."""
        return {n: section.constants for n, section in self.sections.items() if section.constants}

    @property
    def calibrated(self) -> frozenset[str]:
        """Names of the sections that were measured on this very device."""
        return frozenset(name for name, section in self.sections.items() if section.is_own)

    @property
    def origins(self) -> tuple[str, ...]:
        """What its constants were measured with, each once."""
        found = (section.origin for section in self.sections.values())
        return tuple(dict.fromkeys(origin for origin in found if origin is not None))

    def residual(self, name: str) -> float:
        """Relative error of law or group ``name``; what nobody measured has its class's."""
        if name in self.given:
            return self.given[name].residual
        return _residual(_widened(name, self.sections))

    def is_calibrated(self, name: str) -> bool:
        """Whether law ``name``, or one that it is laid over, was measured on this very device."""
        if name in self.given:
            return self.given[name].is_calibrated
        return any(section.is_own for section in _widened(name, self.sections))

    @property
    def prompts_residual(self) -> float:
        """What compute-bound work errs by beside its laws' own errors."""
        section = self.sections.get(PROMPTS)
        return 0.0 if section is None or section.residual is None else section.residual

    def origin(self, name: str) -> str:
        """What the constants of law ``name`` were measured with."""
        if name in self.given:
            return self.given[name].origin
        return _origin(_widened(name, self.sections))

    def changed(
        self,
        constants: Mapping[str, Mapping[str, float]] = _NONE,
        families: Mapping[str, str] = _NONE,
    ) -> "LawBook":
        """The book with the constants, or the kernel families, of some sections replaced."""
        sections = dict(self.sections)
        for name, values in constants.items():
            sections[name] = replace(sections.get(name, Section()), constants=values)
        for name, family in families.items():
            sections[name] = replace(sections.get(name, Section()), family=family)
        return LawBook.of(self.owner, sections, self.given)

    def with_law(self, law: Law[Any, Any]) -> "LawBook":
        """The book with a law whose constants stand elsewhere."""
        named = {law.name: law}
        return replace(self, given={**self.given, **named}, laws={**self.laws, **named})


def _built(
    kind: LawKind[ConstantsT, FamilyT], name: str, owner: str, sections: Mapping[str, Section]
) -> Law[ConstantsT, FamilyT]:
    constants: dict[str, float] = {}
    family, is_own = "", False
    found = _widened(name, sections)
    for section in reversed(found):
        constants |= section.constants
        family = section.family or family
        is_own = is_own or section.is_own
    return Law(
        name=name,
        constants=checked(kind.constants, constants, owner, f"calibration.constants.{name}"),
        family=family,
        kernels=_kernels(kind, name, family, owner),
        residual=_residual(found),
        origin=_origin(found),
        is_calibrated=is_own,
    )


def _kernels(kind: LawKind[Any, FamilyT], name: str, family: str, owner: str) -> FamilyT:
    """The kernel family called ``family``; a law whose kernels are all alike has None."""
    if not kind.families:
        return cast(FamilyT, None)
    if family in kind.families:
        return kind.families[family]
    raise InputError(
        f"unknown kernel family {family!r}" if family else "no kernel family",
        file=owner,
        field=f"calibration.kernels.{name}",
        remedy=nearest(family, kind.families),
    )


def _widened(name: str, sections: Mapping[str, Section]) -> list[Section]:
    return [sections[wider] for wider in widening(name) if wider in sections]


def _residual(found: list[Section]) -> float:
    stated = (section.residual for section in found)
    return next((r for r in stated if r is not None), _UNKNOWN_RESIDUAL)


def _origin(found: list[Section]) -> str:
    stated = (section.origin for section in found)
    return next((o for o in stated if o is not None), _UNKNOWN_ORIGIN)
