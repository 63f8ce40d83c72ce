"""A number with its unit, its source and how far it can be trusted."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import core_schema

from simulator.units import Dimension, parse

Kind = Literal["vendor", "vendor-repo", "third-party", "measured", "derived", "assumed"]
Confidence = Literal["high", "medium", "low"]


class Spec(BaseModel):
    """Base of everything that is read from a file: frozen, and unknown fields are refused.

    A schema is built when something is first read with it: a command needs only some of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    @classmethod
    def schema_of(cls, content: object) -> "type[Spec]":
        """The class that ``content`` is read as: this one, unless it stands for several."""
        return cls


def _year(raw: object) -> object:
    return str(raw) if isinstance(raw, int) else raw


AsOf = Annotated[date | str, BeforeValidator(_year)]
"""When something was true: a date, a month as in 2026-08, or a year."""


class Quantity(Spec):
    """One sourced number in SI units.

    In YAML it is a bare number, a text with a unit (``3.35 TB/s``) or a mapping with ``value``
    and any of ``low``, ``high`` (an 80 % interval), ``source``, ``kind``, ``confidence``,
    ``as_of`` and ``note``. ``source`` may be a key of the file's own ``sources``, or of those that
    files share.
    """

    value: float
    low: float | None = None
    high: float | None = None
    source: str | None = None
    kind: Kind | None = None
    confidence: Confidence | None = None
    as_of: AsOf | None = None
    note: str | None = None

    def __float__(self) -> float:
        return self.value

    @model_validator(mode="after")
    def _interval_contains_value(self) -> "Quantity":
        if self.low is not None and self.low > self.value:
            raise ValueError(f"low ({self.low:g}) is above value ({self.value:g})")
        if self.high is not None and self.high < self.value:
            raise ValueError(f"high ({self.high:g}) is below value ({self.value:g})")
        return self

    @property
    def relative_sigma(self) -> float:
        """Standard deviation of log(value), read from the 80 % interval; 0 without one."""
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        if low <= 0 or high <= low:
            return 0.0
        return math.log(high / low) / (2 * Z_80)


Z_80 = 1.2815515655446004
"""Half-width of an 80 % interval in standard deviations."""


@dataclass(frozen=True, slots=True)
class Sourced:
    """Marks a ``Quantity`` of ``dimension``: more than zero, or zero too."""

    dimension: Dimension
    allow_zero: bool = False

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def _read(self, raw: object) -> object:
        if isinstance(raw, Quantity):
            return raw
        fields = dict(raw) if isinstance(raw, dict) else {"value": raw}
        for name in ("value", "low", "high"):
            if fields.get(name) is None:
                continue
            number = parse(fields[name], self.dimension)
            if number < 0 or (number == 0 and not self.allow_zero and name == "value"):
                least = "zero or more" if self.allow_zero else "more than zero"
                raise ValueError(f"{name} must be {least}, found {fields[name]}")
            fields[name] = number
        return fields


def dimension_of(field: FieldInfo) -> Dimension | None:
    """The dimension of the quantities in a field: one, an optional one, or a mapping of them."""
    return _dimension_among(field.metadata) or _dimension_in(field.annotation)


def _dimension_in(annotation: object) -> Dimension | None:
    marks = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    inner = (_dimension_in(argument) for argument in get_args(annotation))
    return _dimension_among(marks) or next((found for found in inner if found), None)


def _dimension_among(marks: Iterable[object]) -> Dimension | None:
    return next((mark.dimension for mark in marks if isinstance(mark, Sourced)), None)


Count = Annotated[Quantity, Sourced("count")]
Fraction = Annotated[Quantity, Sourced("fraction", allow_zero=True)]
Bytes = Annotated[Quantity, Sourced("bytes")]
BytesPerSecond = Annotated[Quantity, Sourced("bytes/s")]
FlopPerSecond = Annotated[Quantity, Sourced("flop/s")]
Seconds = Annotated[Quantity, Sourced("seconds", allow_zero=True)]
Hertz = Annotated[Quantity, Sourced("hertz")]
Watts = Annotated[Quantity, Sourced("watts", allow_zero=True)]
JoulesPerByte = Annotated[Quantity, Sourced("joules/byte")]
Usd = Annotated[Quantity, Sourced("usd", allow_zero=True)]
UsdPerHour = Annotated[Quantity, Sourced("usd/hour", allow_zero=True)]


@dataclass(frozen=True, slots=True)
class Unit:
    """Marks a plain number whose text may carry a unit of ``dimension``; in scenarios, say.

    It needs no source, and has to lie between ``low`` and ``high``.
    """

    dimension: Dimension
    low: float = 0.0
    high: float = math.inf

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def _read(self, raw: object) -> object:
        if raw is None or isinstance(raw, dict | list):
            return raw
        value = parse(raw, self.dimension)
        if not self.low <= value <= self.high:
            raise ValueError(f"must lie between {self.low:g} and {self.high:g}, found {raw}")
        return value


@dataclass(frozen=True, slots=True)
class Flag:
    """Marks a field that commands have a flag for and tables a column, under its own name.

    ``name`` is the flag's where that differs, ``short`` the letter of its short form, ``help``
    what is said of it where the field's own description is too long.
    """

    name: str | None = None
    short: str | None = None
    help: str | None = None
