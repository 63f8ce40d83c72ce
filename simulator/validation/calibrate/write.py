"""Calibration files as people read them: every constant on a line, aligned."""

from collections.abc import Iterator, Mapping
from typing import Any

from simulator.specs.calibration import Calibration, DeviceCalibration, EngineCalibration

_WIDTH = 100
_INDENT = "  "


def device_yaml(calibration: DeviceCalibration, title: str) -> str:
    """The whole file ``calibrations/<device>.yaml`` of the device that people call ``title``."""
    lines = [f"# What {title} was measured to reach."]
    lines += _part("engines", calibration.engines)
    lines += _part("links", calibration.links)
    return "\n".join(lines) + "\n"


def _part(name: str, sections: Mapping[Any, Calibration]) -> Iterator[str]:
    if sections:
        yield f"{name}:"
    for place, section in sections.items():
        yield f"{_INDENT}{place}:"
        yield from (2 * _INDENT + line for line in _section(section))


def _section(found: Calibration) -> Iterator[str]:
    if isinstance(found, EngineCalibration) and found.carried_from is not None:
        yield f"carried_from: {found.carried_from}"
    yield from _folded("measured_with", found.measured_with)
    if found.software is not None:
        yield f"software: {{name: {_quoted(found.software.name)}, as_of: {found.software.as_of}}}"
    if found.as_of is not None:
        yield f"as_of: {found.as_of}"
    if found.rows is not None:
        yield f"rows: {found.rows}"
    if found.kernels:
        yield "kernels:"
        yield from _aligned(found.kernels)
    if found.constants:
        yield "constants:"
    for law, constants in found.constants.items():
        yield f"{_INDENT}{law}:"
        leaves = {name: _number(value.value) for name, value in constants.items()}
        yield from (_INDENT + line for line in _aligned(leaves))
    if found.residual:
        yield "residual: # one standard deviation of log time, on rows that were not fitted"
        yield from _aligned({law: _number(value.value) for law, value in found.residual.items()})
    if found.earlier:
        yield "earlier:"
    for each in found.earlier:
        first, *rest = _section(each)
        yield f"{_INDENT}- {first}"
        yield from (2 * _INDENT + line for line in rest)


def _quoted(text: str) -> str:
    """``text`` as YAML reads it back inside braces."""
    return f'"{text}"' if any(sign in text for sign in ",:#{}[]") else text


def _folded(name: str, text: str) -> Iterator[str]:
    yield f"{name}: >-"
    line = " "
    for word in text.split():
        if len(line) + 1 + len(word) > _WIDTH - 3 * len(_INDENT):
            yield line
            line = " "
        line += f" {word}"
    yield line


def _aligned(entries: Mapping[str, str]) -> Iterator[str]:
    width = max(map(len, entries), default=0) + 1
    return (f"{_INDENT}{name + ':':<{width}} {value}" for name, value in entries.items())


def _number(value: float) -> str:
    """Three or four digits; YAML wants a point and a sign in an exponent."""
    text = f"{value:.4g}"
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"{mantissa}e{int(exponent):+d}"
