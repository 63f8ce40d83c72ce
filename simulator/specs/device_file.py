"""One device from its files: its family's base, its calibration and the sources that it names.

A file may name a ``base`` device and then holds only what differs: mappings are laid over the
base's field by field, anything else is replaced. ``without`` names fields of the base that the
device does not have. Prices are never those of the base: a relative is another product.

What was measured stands in ``calibrations/<device>.yaml`` beside the file, section by section,
and what it costs in ``prices/<device>.yaml``; a single file of one's own may carry both inline, as
``calibration`` of the engine or link, and as ``prices``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.errors import InputError, nearest, shown
from simulator.specs.calibration import Calibration, DeviceCalibration, EngineCalibration
from simulator.specs.folders import data_folder, names
from simulator.specs.hardware import Hardware
from simulator.specs.kept import Reader
from simulator.specs.price_files import read_prices, shared_sources, with_device
from simulator.specs.reading import validate

CALIBRATIONS = "calibrations"

_OF_ITS_OWN = frozenset({"aliases", "notes", "prices"})
"""Fields of a base that a variant does not take over."""

_PARTS = ("engines", "links")
"""Sections of a device's file whose entries can be calibrated."""


@dataclass(frozen=True)
class _Described:
    """What a chain of files says of a device: raw fields, and calibrations by their place."""

    content: dict[str, Any]
    calibrations: dict[tuple[str, str], Calibration]


def read_device(path: Path, reader: Reader) -> Hardware:
    """The device that ``path`` and the files it builds on describe.

    Raises:
        InputError: a file is missing or wrong; names the file, the field and the remedy.
    """
    described = _described(path, reader, ())
    found = validate(Hardware, _with_devices(described.content, path), path)
    if found.name != path.stem:
        raise InputError(
            f"name {found.name!r} differs from the file's name",
            file=path,
            field="name",
            remedy=f"write name: {path.stem}",
        )
    shared = shared_sources(reader)
    complete = {
        "sources": _sources(described.content, shared),
        "prices": read_prices(path, found.prices, shared, reader),
    }
    return _calibrated(found, described.calibrations, path).model_copy(update=complete)


def _with_devices(content: dict[str, Any], path: Path) -> dict[str, Any]:
    inline = content.get("prices")
    if not isinstance(inline, dict):
        return content
    return {**content, "prices": with_device(inline, path.stem)}


def calibration_file(path: Path) -> Path:
    """Where the calibration of the device in ``path`` is looked for."""
    return path.parent / CALIBRATIONS / path.name


def _described(path: Path, reader: Reader, above: Sequence[Path]) -> _Described:
    own = reader.mapping(path)
    content, calibrations = own, {}
    if own.get("base") is not None:
        place = _base(own["base"], path, (*above, path), reader)
        base = _described(place, reader, (*above, path))
        content = _laid_over_base(base.content, own, path)
        calibrations = base.calibrations
    inline = set(_inline(own))
    measured = _measured(path, reader)
    for part, name in inline & measured.keys():
        raise InputError(
            f"{calibration_file(path)} calibrates the same",
            file=path,
            field=f"{part}.{name}.calibration",
            remedy="keep one of the two",
        )
    inherited = {place: found for place, found in calibrations.items() if place not in inline}
    return _Described(content, {**inherited, **measured})


def _base(name: object, path: Path, above: Sequence[Path], reader: Reader) -> Path:
    if not isinstance(name, str):
        problem, remedy = f"must be a device's name, found {shown(name)}", "name another base"
        raise InputError(problem, file=path, field="base", remedy=remedy)
    found = _device_path(name, path, "base", reader)
    if found in above:
        raise InputError("is built on itself", file=path, field="base", remedy="name another base")
    return found


def _device_path(name: str, path: Path, field: str, reader: Reader) -> Path:
    """The file of device ``name`` beside ``path``, or else in the catalogue."""
    beside = path.parent / f"{name}.yaml"
    if beside.parent == path.parent and beside != path and reader.exists(beside):
        return beside
    known = names(data_folder("hardware_specs"))
    if name not in known:
        suggested = nearest(name, {**known, **names(path.parent)})
        raise InputError(f"unknown device {shown(name)}", file=path, field=field, remedy=suggested)
    return known[name]


def _laid_over_base(base: dict[str, Any], own: dict[str, Any], path: Path) -> dict[str, Any]:
    under = {name: value for name, value in base.items() if name not in _OF_ITS_OWN}
    over = {name: value for name, value in own.items() if name != "without"}
    lacking = own.get("without", [])
    if not isinstance(lacking, list):
        raise InputError(
            "is not a list", file=path, field="without", remedy="write without: [links.scale_up]"
        )
    for field in lacking:
        under = _lacking(under, str(field).split("."), path, str(field))
    merged = _merged(under, over)
    inherited = under.get("sources")
    if isinstance(inherited, dict) and isinstance(merged["sources"], dict):
        # What the device does not name any more, it does not cite either.
        named = {*named_sources(merged), *own.get("sources", {})}
        merged["sources"] = {k: text for k, text in merged["sources"].items() if k in named}
    return merged


def _lacking(
    content: dict[str, Any], field: Sequence[str], path: Path, whole: str
) -> dict[str, Any]:
    first, *rest = field
    if first not in content or (rest and not isinstance(content[first], dict)):
        raise InputError(
            f"the base has no {whole}", file=path, field="without", remedy=nearest(first, content)
        )
    if rest:
        return {**content, first: _lacking(content[first], rest, path, whole)}
    return {name: value for name, value in content.items() if name != first}


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for name, value in over.items():
        below = merged.get(name)
        if isinstance(below, dict) and isinstance(value, dict) and _is_section(name, value):
            if "technology" in value:
                # The class of a link is that of its technology: another one has another class.
                below = {field: known for field, known in below.items() if field != "class"}
            merged[name] = _merged(below, value)
        else:
            merged[name] = value
    return merged


def _is_section(name: str, value: dict[str, Any]) -> bool:
    """Numbers and calibrations are replaced whole: half of each would be nobody's."""
    return "value" not in value and name != "calibration"


def _inline(own: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Engines and links of a file that carry their calibration in it."""
    for part in _PARTS:
        section = own.get(part)
        if isinstance(section, dict):
            for name, fields in section.items():
                if isinstance(fields, dict) and "calibration" in fields:
                    yield part, name


def _measured(path: Path, reader: Reader) -> dict[tuple[str, str], Calibration]:
    """The sections of the device's own calibration file, if it has one."""
    file = calibration_file(path)
    if not reader.exists(file):
        return {}
    found = validate(DeviceCalibration, reader.mapping(file), file)
    measured: dict[tuple[str, str], Calibration] = {}
    for name, section in found.engines.items():
        measured["engines", name] = _with_lent(name, section, path, reader)
    for name, calibration in found.links.items():
        measured["links", name] = calibration
    return measured


def _with_lent(
    engine: str, section: EngineCalibration, path: Path, reader: Reader
) -> EngineCalibration:
    """The section over the constants of the device that it is carried over from."""
    lender = section.carried_from
    if lender is None:
        return section
    file, field = calibration_file(path), f"engines.{engine}.carried_from"
    other = calibration_file(_device_path(lender, path, field, reader))
    content = reader.mapping(other) if reader.exists(other) else {}
    lent = validate(DeviceCalibration, content, other).engines.get(engine)
    if lent is None or lent.carried_from is not None:
        raise InputError(
            f"nobody has measured {engine!r} of {lender}",
            file=file,
            field=field,
            remedy="name a device with constants of its own",
        )
    constants = {
        law: {**lent.constants.get(law, {}), **section.constants.get(law, {})}
        for law in {**lent.constants, **section.constants}
    }
    update = {
        "constants": constants,
        "kernels": {**lent.kernels, **section.kernels},
        "software": section.software or lent.software,
        "earlier": section.earlier or lent.earlier,
    }
    return section.model_copy(update=update)


def _calibrated(
    device: Hardware, calibrations: Mapping[tuple[str, str], Calibration], path: Path
) -> Hardware:
    engines, links = dict(device.engines), device.links
    for (part, name), calibration in calibrations.items():
        file = calibration_file(path)
        update = {"calibration": calibration}
        if part == "engines":
            if name not in engines:
                raise InputError(
                    f"the device has no engine {name!r}",
                    file=file,
                    field=f"engines.{name}",
                    remedy=nearest(name, engines),
                )
            engines[name] = engines[name].model_copy(update=update)
        else:
            link = getattr(links, name)
            if link is None:
                raise InputError(
                    f"the device has no link {name!r}",
                    file=file,
                    field=f"links.{name}",
                    remedy="describe the link in the device's own file",
                )
            links = links.model_copy(update={name: link.model_copy(update=update)})
    return device.model_copy(update={"engines": engines, "links": links})


def _sources(content: dict[str, Any], shared: Mapping[str, str]) -> dict[str, str]:
    """The file's own sources, and of those it shares or inherits the ones that it names."""
    own = content.get("sources", {})
    named = set(named_sources(content))
    return {**{key: text for key, text in shared.items() if key in named}, **own}


def named_sources(node: object) -> Iterator[str]:
    """Whatever stands under a ``source`` in raw ``node``, a key or a citation."""
    if isinstance(node, dict):
        for name, child in node.items():
            if name == "source" and isinstance(child, str):
                yield child
            else:
                yield from named_sources(child)
    elif isinstance(node, list):
        for child in node:
            yield from named_sources(child)
