"""Finding hardware, models, scenarios and engine profiles by name, alias or path."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from simulator.errors import InputError, nearest, related, shown
from simulator.specs.calibration import ClassCalibration
from simulator.specs.device_file import read_device
from simulator.specs.engine_profile import EngineProfile
from simulator.specs.folders import SPECS, data_folder, entry, names
from simulator.specs.gguf.read import read_gguf
from simulator.specs.hardware import Hardware
from simulator.specs.huggingface import read_config
from simulator.specs.huggingface.checkpoint import CONFIG, described_by, read_checkpoint
from simulator.specs.huggingface.weights import stored_bytes
from simulator.specs.kept import Reader, Same, kept
from simulator.specs.model import Alias, Model, ModelFile
from simulator.specs.model_file import model_of
from simulator.specs.reading import parse_yaml, read_mapping, validate
from simulator.specs.text_file import exists, is_folder

_HARDWARE, _MODELS, _SCENARIOS = "hardware_specs", "models", "scenarios"


def is_path(name: str) -> bool:
    """Whether the user wrote a path to a file rather than a catalogue name."""
    return name.endswith((".yaml", ".yml", ".json", ".gguf"))


def hardware(name: str) -> Hardware:
    """The device called ``name`` (a slug, an alias, or a path to a YAML file).

    The same object comes back for as long as its files stay as they are; once they are edited,
    the new content counts.

    Raises:
        InputError: unknown; suggests the nearest names and never falls back to another device.
    """
    return _hardware(hardware_file(name))


def hardware_file(name: str) -> Path:
    """The file that describes the device called ``name``, see ``hardware``."""
    if is_path(name):
        return Path(name)
    slug = name.lower().replace(" ", "-").replace("_", "-")
    return _entry(data_folder(_HARDWARE), slug, "hardware", name)[0]


_hardware = kept(read_device)


def model(name: str) -> Model:
    """The model called ``name``: a slug, a Hugging Face id, a file, or a checkpoint's folder.

    Edited files count anew, as for hardware.

    Raises:
        InputError: unknown or not understood; names the field, or suggests the nearest names.
    """
    if is_path(name):
        return _model(Path(name))
    folder = Path(name)
    described = described_by(folder) if is_folder(folder) else None
    if described is not None:
        return _model(described)
    if is_folder(folder) and len(folder.parts) != 1:
        raise InputError(
            "the folder holds no model: neither a config.json nor a .gguf file",
            file=folder,
            remedy="name the folder of a checkpoint, or a model of the catalogue",
        )
    path, alias = _entry(data_folder(_MODELS), name.lower().split("/")[-1], "model", name)
    found = _model(path)
    if not isinstance(alias, dict):
        return found
    return _called(Same(found), validate(Alias, alias, path))


@lru_cache(maxsize=64)
def _called(model: Same[Model], alias: Alias) -> Model:
    """The model under another name, with what it has otherwise under it."""
    title = alias.name.split("/")[-1]
    return model.thing.model_copy(update={"title": title, **alias.otherwise})


@kept
def _model(path: Path, reader: Reader) -> Model:
    if path.suffix == ".gguf":
        return read_gguf(path, reader)
    if path.suffix != ".json":
        return model_of(validate(ModelFile, reader.mapping(path), path), path)
    path, content, quantisation = read_checkpoint(path, reader)
    title = path.resolve().parent.name if path.name == "config.json" else path.stem
    found = read_config(
        content, name=title.lower(), title=title, file=path, quantisation=quantisation
    )
    held = stored_bytes(path.parent, reader) if path.name == CONFIG else None
    return found.model_copy(update={"stored_bytes": held})


def device_or_model(name: str) -> Hardware | Model:
    """What is called ``name`` (or lies there), be it a device or a model.

    Raises:
        InputError: neither; suggests the nearest of both.
    """
    path = Path(name)
    if is_path(name):
        is_yaml = path.suffix in (".yaml", ".yml")
        names_engines = is_yaml and {"engines", "base"} & set(read_mapping(path))
        return hardware(name) if names_engines else model(name)
    if is_folder(path):
        return model(name)
    for look in (hardware, model):
        try:
            return look(name)
        except UnknownNameError:
            continue
    relatives = related(name, [*_all_names(_HARDWARE), *_all_names(_MODELS)])
    raise InputError(
        f"no device and no model is called {shown(name)}",
        remedy=nearest(name, relatives)
        if relatives
        else "roofsim catalogue list hardware, and list models, show all; files can be named too",
    )


class UnknownNameError(InputError):
    """A catalogue has no entry of that name."""


def _entry(folder: Path, slug: str, field: str, written: str) -> tuple[Path, object]:
    """The file of a catalogue ``folder`` that is called ``slug`` or has it as an alias.

    The alias besides, as the file writes it; None where the file itself is called so.
    """
    path = entry(folder, slug)
    if path is not None:
        return path, None
    aliases = _aliases(folder, folder.stat().st_mtime_ns)
    if slug in aliases:
        return aliases[slug]
    relatives = related(slug, _all_names(folder.name))
    raise UnknownNameError(
        f"unknown {field} {shown(written)}",
        field=field,
        remedy=nearest(slug, relatives) if relatives else _NO_RELATIVES[field],
    )


def _all_names(folder_name: str) -> set[str]:
    """Names and aliases of a catalogue folder's entries."""
    folder = data_folder(folder_name)
    return {*names(folder), *_aliases(folder, folder.stat().st_mtime_ns)}


_NO_RELATIVES = {
    "hardware": "roofsim catalogue list hardware shows all; a file of your own can be named too",
    "model": "roofsim catalogue list models shows all; a config.json can be named, or its folder",
}
"""Where to look for something that no name comes near."""


_ALIASES = re.compile(r"^aliases:.*(?:\n(?![A-Za-z_]).*)*", re.MULTILINE)


@lru_cache(maxsize=8)
def _aliases(folder: Path, _modified_ns: int) -> dict[str, tuple[Path, object]]:
    """Alias → file, and what it writes of the alias, of all files in a catalogue folder.

    Only that one field of each is read.

    Hugging Face ids are known by their last part, as models are looked up.
    """
    found: dict[str, tuple[Path, object]] = {}
    for path in names(folder).values():
        field = _ALIASES.search(path.read_text(encoding="utf-8"))
        stated = parse_yaml(field[0], path) if field else None
        if isinstance(stated, dict):
            for alias in stated["aliases"] or ():
                called = alias.get("name") if isinstance(alias, dict) else alias
                found.setdefault(str(called).lower().split("/")[-1], (path, alias))
    return found


def engine_profile(name: str) -> EngineProfile:
    """The serving engine called ``name``, or that of a file, built on the ``base`` that it names.

    Edited files count anew, as for hardware.

    Raises:
        InputError: unknown; suggests the nearest. A profile that is not understood.
    """
    return _own_profile(Path(name)) if is_path(name) else _shipped_profile(name)


@kept
def _own_profile(path: Path, reader: Reader) -> EngineProfile:
    return validate(EngineProfile, _completed(reader.mapping(path), path), path)


@lru_cache(maxsize=32)
def _shipped_profile(name: str) -> EngineProfile:
    known = names(_PROFILES)
    if name not in known:
        raise InputError(
            f"unknown engine {shown(name)}", field="engine", remedy=nearest(name, known)
        )
    path = known[name]
    return validate(EngineProfile, _completed(read_mapping(path), path), path)


_PROFILES = SPECS / "engine_profiles"


def _completed(content: dict[str, Any], file: Path) -> dict[str, Any]:
    """A profile with what it states over its base, and with the all-reduces that it borrows."""
    base = content.get("base")
    if base is not None:
        content = {**_lent(base, "base", file), **content}
    lender = content.get("all_reduce")
    if isinstance(lender, str):
        content = {**content, "all_reduce": _lent(lender, "all_reduce", file)["all_reduce"]}
    return content


def _lent(lender: object, field: str, file: Path) -> dict[str, Any]:
    """What another profile states, which the ``field`` of ``file`` names."""
    known = names(_PROFILES)
    if lender not in known:
        remedy = nearest(str(lender), known)
        raise InputError(f"unknown engine {lender!r}", file=file, field=field, remedy=remedy)
    path = known[str(lender)]
    return _completed(read_mapping(path), path)


@lru_cache(maxsize=32)
def class_calibration(device_class: str) -> ClassCalibration:
    """What is assumed of a device of this class where nobody has measured it.

    Laws that the class says nothing of are those of any device.
    """
    of_any, of_class = (_of_class(name) for name in ("any", device_class))
    return of_class.model_copy(update={"constants": {**of_any.constants, **of_class.constants}})


def _of_class(name: str) -> ClassCalibration:
    path = SPECS / "device_classes" / f"{name}.yaml"
    return validate(ClassCalibration, read_mapping(path), path)


def engine_names() -> tuple[str, ...]:
    """Every serving engine that has a profile."""
    return tuple(names(SPECS / "engine_profiles"))


_LONGEST_PATH = 300
"""A path is told whole up to so many characters: its end says more than its beginning."""


def scenario_path(name: str) -> Path:
    """A scenario by path, or by name from the catalogue when no such file is here."""
    path = Path(name)
    if exists(path):
        return path
    known = {**all_bills(), **all_scenarios()}
    slug = path.stem if path.parts[:1] in ((), ("scenarios",)) or len(path.parts) == 1 else None
    if slug in known:
        return known[slug]
    raise InputError(
        f"no such scenario file {name!r}"
        if len(name) <= _LONGEST_PATH
        else "no such scenario file",
        field="scenario",
        remedy=nearest(name, known),
    )


def all_hardware() -> Iterator[Hardware]:
    """Every device of the catalogue."""
    return (hardware(name) for name in names(data_folder(_HARDWARE)))


def all_models() -> Iterator[Model]:
    """Every model of the catalogue."""
    return (model(name) for name in names(data_folder(_MODELS)))


def all_scenarios() -> dict[str, Path]:
    """Every scenario that is shipped, by name."""
    return names(data_folder(_SCENARIOS))


def all_bills() -> dict[str, Path]:
    """Every scenario that is shipped for its bill, by name; some are plain arithmetic."""
    return names(data_folder(_SCENARIOS) / "bills")


def templates() -> dict[str, Path]:
    """Commented files to fill in, by what they describe."""
    return names(SPECS / "templates")
