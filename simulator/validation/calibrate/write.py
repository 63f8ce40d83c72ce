"""Calibration sections as YAML text, and their place in a hardware file that people wrote."""

import re
from collections.abc import Mapping, Sequence

from simulator.specs.calibration import Calibration
from simulator.specs.quantity import Quantity

_WIDTH = 100
_INDENT = 2


def calibration_yaml(calibration: Calibration) -> str:
    """The section ``calibration:`` as text, aligned for people to read, not indented.

    Every constant stands with its 80 % interval where the fit gave one.
    """
    lines = ["calibration:", *_folded("measured_with", calibration.measured_with)]
    if calibration.as_of is not None:
        lines.append(f"  as_of: {calibration.as_of}")
    if calibration.rows is not None:
        lines.append(f"  rows: {calibration.rows}")
    if calibration.kernels:
        lines.append("  kernels:")
        lines += _aligned(calibration.kernels, 4)
    if calibration.constants:
        lines.append("  constants:")
    for law, constants in calibration.constants.items():
        lines.append(f"    {law}:")
        lines += _aligned({name: _leaf(value) for name, value in constants.items()}, 6)
    if calibration.residual:
        lines.append(
            "  residual: # one standard deviation of log time, on rows that were not fitted"
        )
        lines += _aligned({law: _leaf(value) for law, value in calibration.residual.items()}, 4)
    return "\n".join(lines) + "\n"


def place(text: str, path: Sequence[str], section: str) -> str:
    """``text`` of a YAML file with ``section`` put at the end of the block at ``path``.

    A section of the same name that stands there already is replaced. Comments and the rest of
    the file stay as they are.

    Raises:
        KeyError: the file has no block at ``path``.
    """
    lines = text.splitlines()
    first, last = 0, len(lines)
    for depth, key in enumerate(path):
        first, last = _block(lines, first, last, depth * _INDENT, key)
        first += 1
    name = section.split(":", 1)[0]
    margin = len(path) * _INDENT
    indented = [" " * margin + line if line else line for line in section.rstrip().splitlines()]
    try:
        old_first, old_last = _block(lines, first, last, margin, name)
    except KeyError:
        old_first = old_last = _end_of_content(lines, first, last)
    return "\n".join([*lines[:old_first], *indented, *lines[old_last:]]) + "\n"


def _block(lines: Sequence[str], first: int, last: int, margin: int, key: str) -> tuple[int, int]:
    """First line of ``key`` at this indentation, and the line after its last content."""
    start = re.compile(rf"^ {{{margin}}}{re.escape(key)}:(\s|$)")
    for i in range(first, last):
        if start.match(lines[i]):
            end = i + 1
            while end < last and not _begins_at_most(lines[end], margin):
                end += 1
            return i, _end_of_content(lines, i + 1, end)
    raise KeyError(key)


def _begins_at_most(line: str, margin: int) -> bool:
    content = line.lstrip()
    return bool(content) and len(line) - len(content) <= margin


def _end_of_content(lines: Sequence[str], first: int, last: int) -> int:
    while last > first and not lines[last - 1].strip():
        last -= 1
    return last


def _folded(name: str, text: str) -> list[str]:
    lines, line = [f"  {name}: >-"], "   "
    for word in text.split():
        if len(line) + 1 + len(word) > _WIDTH - 4:
            lines.append(line)
            line = "   "
        line += f" {word}"
    return [*lines, line]


def _aligned(entries: Mapping[str, str], margin: int) -> list[str]:
    width = max(map(len, entries), default=0) + 1
    return [f"{' ' * margin}{name + ':':<{width}} {value}" for name, value in entries.items()]


def _leaf(quantity: Quantity) -> str:
    known = [("value", quantity.value), ("low", quantity.low), ("high", quantity.high)]
    parts = [f"{name}: {_number(value)}" for name, value in known if value is not None]
    if len(parts) == 1:
        return _number(quantity.value)
    return "{" + ", ".join(parts) + "}"


def _number(value: float) -> str:
    """Three or four digits; YAML wants a point and a sign in an exponent."""
    text = f"{value:.4g}"
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"{mantissa}e{int(exponent):+d}"
