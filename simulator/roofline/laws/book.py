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


@dataclass(frozen=True, slots=True)
class Section:
    """What calibrations say under one name: of a law, or of a group of laws.

    A device's own words are laid over its class's. ``bounds`` are 80 % intervals of constants;
    ``is_own`` says whether some constants were measured on this very device.
    """

    constants: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
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

    Raises:
        InputError: constants or a kernel family are not of their law, or are missing.
    """

    owner: str
    sections: Mapping[str, Section]
    given: Mapping[str, Law[Any, Any]] = field(default_factory=dict)
    _laws: Mapping[str, Law[Any, Any]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        laws: dict[str, Law[Any, Any]] = {}
        for name, section in self.sections.items():
            if section.constants or section.family:
                kind = kind_of(name)
                if kind is not None:
                    laws[name] = self._built(kind, name)
        object.__setattr__(self, "_laws", {**laws, **self.given})

    def law(
        self, kind: LawKind[ConstantsT, FamilyT], variant: str = ""
    ) -> Law[ConstantsT, FamilyT]:
        """The law ``kind``, or the nearest known one that ``variant`` is laid over.

        Raises:
            InputError: the device has no constants of it.
        """
        for name in widening(kind.named(variant)):
            if name in self._laws:
                return cast("Law[ConstantsT, FamilyT]", self._laws[name])
        return self._built(kind, kind.name)

    def in_benchmark(
        self, kind: LawKind[ConstantsT, FamilyT], variant: str = ""
    ) -> Law[ConstantsT, FamilyT]:
        """The law as kernel benchmarks show it, which run cool and launch by themselves."""
        found = self._laws.get(BENCHMARK + kind.named(variant))
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
        found = (section.residual for section in self._widened(name))
        return next((r for r in found if r is not None), _UNKNOWN_RESIDUAL)

    @property
    def prompts_residual(self) -> float:
        """What compute-bound work errs by beside its laws' own errors."""
        section = self.sections.get(PROMPTS)
        return 0.0 if section is None or section.residual is None else section.residual

    def origin(self, name: str) -> str:
        """What the constants of law ``name`` were measured with."""
        if name in self.given:
            return self.given[name].origin
        found = (section.origin for section in self._widened(name))
        return next((o for o in found if o is not None), _UNKNOWN_ORIGIN)

    def with_constants(self, changed: Mapping[str, Mapping[str, float]]) -> "LawBook":
        """The book with the constants of some sections replaced by others."""
        sections = dict(self.sections)
        for name, constants in changed.items():
            sections[name] = replace(sections.get(name, Section()), constants=constants)
        return replace(self, sections=sections)

    def with_families(self, families: Mapping[str, str]) -> "LawBook":
        """The book with kernel families that an engine brings, by law."""
        sections = dict(self.sections)
        for name, family in families.items():
            sections[name] = replace(sections.get(name, Section()), family=family)
        return replace(self, sections=sections)

    def with_law(self, law: Law[Any, Any]) -> "LawBook":
        """The book with a law whose constants stand elsewhere."""
        return replace(self, given={**self.given, law.name: law})

    def _built(self, kind: LawKind[ConstantsT, FamilyT], name: str) -> Law[ConstantsT, FamilyT]:
        constants: dict[str, float] = {}
        bounds: dict[str, tuple[float, float]] = {}
        family, is_own = "", False
        for section in reversed(list(self._widened(name))):
            constants |= section.constants
            bounds = {n: b for n, b in bounds.items() if n not in section.constants}
            bounds |= section.bounds
            family = section.family or family
            is_own = is_own or section.is_own
        return Law(
            name=name,
            constants=checked(
                kind.constants, constants, self.owner, f"calibration.constants.{name}"
            ),
            family=family,
            kernels=self._kernels(kind, name, family),
            residual=self.residual(name),
            origin=self.origin(name),
            is_calibrated=is_own,
            bounds=bounds,
        )

    def _kernels(self, kind: LawKind[Any, FamilyT], name: str, family: str) -> FamilyT:
        """The kernel family called ``family``; a law whose kernels are all alike has None."""
        if not kind.families:
            return cast(FamilyT, None)
        if family in kind.families:
            return kind.families[family]
        problem = f"unknown kernel family {family!r}" if family else "no kernel family"
        raise InputError(
            problem,
            file=self.owner,
            field=f"calibration.kernels.{name}",
            remedy=nearest(family, kind.families),
        )

    def _widened(self, name: str) -> "list[Section]":
        return [self.sections[n] for n in widening(name) if n in self.sections]
