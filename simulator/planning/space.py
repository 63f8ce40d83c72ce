"""Which questions a sweep asks: fields of a scenario, the values of each, and how they combine."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Literal, Protocol

import numpy as np

from simulator.errors import InputError, nearest, shown
from simulator.specs.question import Change, flags, path_of, paths, whole_number_paths
from simulator.specs.reading import read_yaml_value

MOST_ROWS = 10_000_000
"""Rows of one sweep: more than anybody's file holds."""

Scale = Literal["lin", "log"]
SCALES: tuple[Scale, ...] = ("lin", "log")
Method = Literal["lhs", "sobol"]
METHODS: tuple[Method, ...] = ("lhs", "sobol")

Point = tuple[Change, ...]
"""One value for every field that is swept."""


class Axis(Protocol):
    """One field and the values it takes.

    ``path`` is the field's in a scenario, ``written`` how a person wrote it.
    """

    @property
    def path(self) -> str:
        """Where the values go."""

    @property
    def written(self) -> str:
        """How a person wrote it."""

    def grid(self) -> tuple[object, ...]:
        """The values of a grid, each once."""

    def at(self, share: float) -> object:
        """The value at a share of the way through them, from 0 up to 1."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Values one by one; a sample draws each equally often."""

    path: str
    written: str
    values: tuple[object, ...]

    def grid(self) -> tuple[object, ...]:
        """See ``Axis``."""
        return self.values

    def at(self, share: float) -> object:
        """See ``Axis``."""
        return self.values[int(share * len(self.values))]


@dataclass(frozen=True, slots=True)
class Ranged:
    """Values between two, both included, spread evenly over themselves or their logarithms.

    Args:
        path, written: see ``Axis``.
        low, high: the ends.
        scale: what they are spread over.
        count: how many a grid has; None where only samples are drawn.
        unit: what stands behind each number.
        is_whole: whether values are rounded to whole numbers.
    """

    path: str
    written: str
    low: float
    high: float
    scale: Scale
    count: int | None = None
    unit: str = ""
    is_whole: bool = False

    def grid(self) -> tuple[object, ...]:
        """See ``Axis``; rounding may leave fewer.

        Raises:
            InputError: it says no count.
        """
        if self.count is None:
            raise InputError(
                "a grid needs to know how many values",
                file=self.written,
                remedy=f"write LOW..HIGH:{self.scale}:COUNT, or draw a sample with --sample",
            )
        shares = np.linspace(0.0, 1.0, self.count)
        return tuple(dict.fromkeys(self.at(float(share)) for share in shares))

    def at(self, share: float) -> object:
        """See ``Axis``."""
        if self.scale == "log":
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + (self.high - self.low) * share
        # The ends are those that were written, and nobody means the sixteenth digit.
        value = float(f"{min(max(value, self.low), self.high):.12g}")
        number: float | int = round(value) if self.is_whole else value
        return f"{number:.12g} {self.unit}" if self.unit else number


@dataclass(frozen=True, slots=True)
class Sample:
    """Points drawn from all axes at once, in place of a grid.

    Args:
        method: ``lhs`` is a Latin hypercube: of ``count`` equal parts of each axis every one has a
            point. ``sobol`` is a scrambled Sobol sequence, whose first half is the smaller sample.
        count: how many points; for ``sobol`` a power of two, at which it is balanced.
        seed: another one draws other points.
    """

    method: Method
    count: int
    seed: int = 0

    def shares(self, axes: int) -> np.ndarray:
        """Points of the unit cube, of shape (count, axes)."""
        from scipy.stats import qmc

        if self.method == "sobol":
            power = self.count.bit_length() - 1
            return qmc.Sobol(axes, seed=self.seed).random_base2(power)
        return qmc.LatinHypercube(axes, seed=self.seed).random(self.count)


@dataclass(frozen=True, slots=True)
class Space:
    """The points of a sweep: every combination of the axes' values, or a sample of them."""

    axes: tuple[Axis, ...]
    sample: Sample | None = None

    def __len__(self) -> int:
        return self.sample.count if self.sample else prod(len(axis.grid()) for axis in self.axes)

    @property
    def paths(self) -> tuple[str, ...]:
        """The fields that are swept, in the order in which they were written."""
        return tuple(axis.path for axis in self.axes)

    def points(self) -> Iterator[Point]:
        """Every point in order; the last axis of a grid changes fastest."""
        if self.sample is None:
            for values in product(*(axis.grid() for axis in self.axes)):
                yield self._point(values)
            return
        for shares in self.sample.shares(len(self.axes)):
            yield self._point(
                axis.at(float(share)) for axis, share in zip(self.axes, shares, strict=True)
            )

    def _point(self, values: Iterable[object]) -> Point:
        pairs = zip(self.axes, values, strict=True)
        return tuple(Change(axis.path, value, axis.written) for axis, value in pairs)


def space_of(axes: Iterable[Axis], sample: Sample | None = None) -> Space:
    """The space of ``axes``, checked.

    Raises:
        InputError: no axis, a field that is swept twice, a grid without a count, a sample with
            one, or more rows than a sweep can have.
    """
    found = Space(tuple(axes), sample)
    if not found.axes:
        raise InputError(
            "nothing is swept", file="--over", remedy="write FIELD=VALUES, as in --over tp=1,2,4"
        )
    for i, axis in enumerate(found.axes):
        if axis.path in found.paths[:i]:
            raise InputError(
                f"{axis.path} is swept twice", file=axis.written, remedy="keep one of the two"
            )
        if sample is not None and isinstance(axis, Ranged) and axis.count is not None:
            raise InputError(
                f"the count {axis.count} has no effect on a sample of {sample.count} points",
                file=axis.written,
                remedy=f"write LOW..HIGH:{axis.scale}, or leave out the sample",
            )
    if len(found) > MOST_ROWS:
        raise InputError(
            f"{len(found):,} rows; the limit is {MOST_ROWS:,}",
            file="--over",
            remedy="draw a sample of them: --sample sobol:4096",
        )
    return found


def axes_from_texts(texts: Iterable[str]) -> list[Axis]:
    """``FIELD=VALUES`` texts of ``--over`` as axes.

    Raises:
        InputError: no equals sign, a name that is no field, or values that cannot be read.
    """
    found = []
    for text in texts:
        name, equals, values = (part.strip() for part in text.partition("="))
        if not equals or not name or not values:
            raise InputError(
                f"{shown(text)} names no values",
                file="--over",
                remedy="write FIELD=VALUES, as in tp=1,2,4 or workload.rate=1..64:log:7",
            )
        found.append(_axis(name, values, f"--over {name}"))
    return found


def axes_from_fields(over: Mapping[str, object]) -> list[Axis]:
    """Named values as axes: a text as ``--over`` takes it, or a sequence of values.

    Raises:
        InputError: see ``axes_from_texts``.
    """
    found: list[Axis] = []
    for name, values in over.items():
        if isinstance(values, str):
            found.append(_axis(name, values, name))
        elif isinstance(values, Iterable):
            listed = [v.item() if isinstance(v, np.generic) else v for v in values]
            found.append(_listed(_known_path(name, name), name, listed))
        else:
            raise InputError(
                f"must be values, found {shown(values)}", field=name, remedy="give a list of them"
            )
    return found


def sample_from_text(text: str) -> Sample:
    """``METHOD:COUNT`` or ``METHOD:COUNT:SEED`` as a sample.

    Raises:
        InputError: another method, a count that is none, or one at which Sobol's points are not
            balanced.
    """
    method, *numbers = text.split(":")
    if method not in METHODS:
        raise _bad_sample(f"unknown method {shown(method)}", nearest(method, METHODS))
    if not 1 <= len(numbers) <= 2 or not all(map(str.isdecimal, numbers)):
        raise _bad_sample(f"{shown(text)} says no number of points", "write sobol:256 or lhs:200")
    count, seed = int(numbers[0]), int(numbers[1]) if len(numbers) > 1 else 0
    if not 1 <= count <= MOST_ROWS:
        raise _bad_sample(f"{count} points", f"from 1 to {MOST_ROWS:,}")
    below = 1 << (count.bit_length() - 1)
    if method == "sobol" and count != below:
        raise _bad_sample(
            f"Sobol's points are balanced at powers of two, and {count} is none",
            f"sobol:{below} or sobol:{2 * below}; lhs takes any number",
        )
    return Sample(_METHOD[method], count, seed)


_METHOD: Mapping[str, Method] = {method: method for method in METHODS}
_SCALE: Mapping[str, Scale] = {scale: scale for scale in SCALES}


def _bad_sample(problem: str, remedy: str) -> InputError:
    return InputError(problem, file="--sample", remedy=remedy)


NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
"""A number as people write it, before any unit."""

_RANGE = re.compile(
    rf"(?P<low>{NUMBER})\s*(?P<low_unit>[^\d.,:\s][^.,:]*?)?\s*\.\.\s*"
    rf"(?P<high>{NUMBER})\s*(?P<unit>[^\d.,:\s][^,:]*?)?\s*"
    r"(?::(?P<scale>[a-z]+))?(?::(?P<count>\w+))?"
)


def _axis(name: str, text: str, written: str) -> Axis:
    path = _known_path(name, written)
    found = _RANGE.fullmatch(text)
    if found is None:
        values = read_yaml_value(f"[{text}]", written)
        assert isinstance(values, list)
        return _listed(path, written, values)
    return _ranged(path, written, found)


def _known_path(name: str, written: str) -> str:
    """The path that a name stands for; that of a what-if is only checked where it is asked.

    Raises:
        InputError: there is no such field.
    """
    path = path_of(name, written)
    root = path.split(".")[0]
    if path not in paths() and root not in ("hardware", "model"):
        near = [*paths(), *flags()]
        raise InputError(f"unknown field {shown(path)}", file=written, remedy=nearest(path, near))
    return path


def _listed(path: str, written: str, values: Sequence[object]) -> Listed:
    # Texts tell apart what is equal and yet not the same: 1, 1.0 and true.
    found = tuple({repr(value): value for value in values}.values())
    if not found:
        raise InputError("no value at all", file=written, remedy="write some, as in tp=1,2,4")
    return Listed(path, written, found)


def _ranged(path: str, written: str, found: re.Match[str]) -> Ranged:
    low, high = float(found["low"]), float(found["high"])
    scale = found["scale"] or "lin"
    unit = found["unit"] or ""
    if scale not in SCALES:
        raise InputError(
            f"unknown scale {shown(scale)}", file=written, remedy="write lin or log before a count"
        )
    if found["low_unit"] not in (None, unit):
        raise InputError(
            f"{found['low_unit']} and {unit or 'no unit'} in one range",
            file=written,
            remedy="write the unit once, behind the larger end: 2..8 TB/s:log:5",
        )
    if not low < high:
        raise InputError(
            f"{found['low']} is not below {found['high']}",
            file=written,
            remedy="write the smaller end first; a single value needs no range",
        )
    if scale == "log" and low <= 0:
        raise InputError(
            f"{found['low']} has no logarithm", file=written, remedy="begin above zero, or use lin"
        )
    count = found["count"]
    if count is not None and not (count.isdecimal() and 2 <= int(count) <= MOST_ROWS):
        raise InputError(
            f"{shown(count)} is no number of values", file=written, remedy="write 2 or more"
        )
    ends_whole = found["low"].isdecimal() and found["high"].isdecimal() and not unit
    return Ranged(
        path,
        written,
        low,
        high,
        _SCALE[scale],
        None if count is None else int(count),
        unit,
        is_whole=ends_whole if path not in paths() else path in whole_number_paths(),
    )
