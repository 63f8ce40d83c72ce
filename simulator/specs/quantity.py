"""A number with its unit, its source and how far it can be trusted."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
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

from simulator.errors import shown
from simulator.units import Dimension, in_range, parse

Kind = Literal["vendor", "vendor-repo", "third-party", "measured", "derived", "assumed"]
Confidence = Literal["high", "medium", "low"]


def _number(raw: object) -> object:
    """Yes and no are no numbers, though Python counts with them."""
    if isinstance(raw, bool):
        raise ValueError(f"must be a number, found {str(raw).lower()}")
    return raw


Whole = Annotated[int, BeforeValidator(_number)]
"""A whole number."""
Number = Annotated[float, BeforeValidator(_number)]
"""Any number."""


def _file(raw: object) -> object:
    if not isinstance(raw, str | Path) or not str(raw):
        raise ValueError(f"must be a path to a file, found {shown(raw)}")
    if len(str(raw)) > _LONGEST_PATH:
        raise ValueError(f"must be a path of at most {_LONGEST_PATH} characters")
    return raw


_LONGEST_PATH = 4096
"""Longer ones no system opens (Linux's PATH_MAX)."""

FilePath = Annotated[Path, BeforeValidator(_file)]
"""A file or folder that somebody names; whether it is there is seen when it is read."""


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

    value: Number
    low: Number | None = None
    high: Number | None = None
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
    """Marks a ``Quantity`` of ``dimension``: more than zero, or zero too, or ``whole``."""

    dimension: Dimension
    allow_zero: bool = False
    whole: bool = False

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
                raise ValueError(f"{name} must be {least}, found {shown(fields[name])}")
            if self.whole and name == "value" and not number.is_integer():
                raise ValueError(f"must be a whole number, found {shown(fields[name])}")
            fields[name] = in_range(number, self.dimension)
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
Pieces = Annotated[Quantity, Sourced("count", whole=True)]
Fraction = Annotated[Quantity, Sourced("fraction", allow_zero=True)]
Bytes = Annotated[Quantity, Sourced("bytes")]
BytesPerSecond = Annotated[Quantity, Sourced("bytes/s")]
FlopPerSecond = Annotated[Quantity, Sourced("flop/s")]
Seconds = Annotated[Quantity, Sourced("seconds", allow_zero=True)]
Hertz = Annotated[Quantity, Sourced("hertz")]
Watts = Annotated[Quantity, Sourced("watts", allow_zero=True)]
MaxWatts = Annotated[Quantity, Sourced("watts")]
JoulesPerByte = Annotated[Quantity, Sourced("joules/byte")]
Usd = Annotated[Quantity, Sourced("usd", allow_zero=True)]
UsdPerHour = Annotated[Quantity, Sourced("usd/hour", allow_zero=True)]


@dataclass(frozen=True, slots=True)
class Unit:
    """Marks a plain number whose text may carry a unit of ``dimension``; in scenarios, say.

    It needs no source, and is zero only where ``allow_zero``; negative it is nowhere. ``low`` and
    ``high`` are its limits where they are narrower than those of the dimension.
    """

    dimension: Dimension
    allow_zero: bool = True
    low: float | None = None
    high: float | None = None

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def _read(self, raw: object) -> object:
        if raw is None or isinstance(raw, dict | list):
            return raw
        value = parse(raw, self.dimension)
        if value == 0 and self.allow_zero:
            return value
        if value <= 0:
            least = "zero or more" if self.allow_zero else "more than zero"
            raise ValueError(f"must be {least}, found {shown(raw)}")
        return in_range(value, self.dimension, self.low, self.high)


@dataclass(frozen=True, slots=True)
class Flag:
    """Marks a field that commands have a flag for and tables a column, under its own name.

    ``name`` is the flag's where that differs, ``short`` the letter of its short form, ``help``
    what is said of it where the field's own description is too long.
    """

    name: str | None = None
    short: str | None = None
    help: str | None = None
