"""Finding hardware, models, scenarios and engine profiles by name, alias or path."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from simulator.errors import InputError, nearest
from simulator.specs.engine_profile import EngineProfile
from simulator.specs.hardware import Calibration, Hardware
from simulator.specs.huggingface import read_config
from simulator.specs.model import Model, ModelFile
from simulator.specs.model_file import model_of
from simulator.specs.reading import read_mapping, validate

_PACKAGE = Path(__file__).resolve().parent.parent


def data_folder(name: str) -> Path:
    """The folder ``hardware_specs``, ``models`` or ``scenarios``.

    An installed wheel carries them inside the package; a checkout has them beside it.
    """
    installed = _PACKAGE / "data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def names(folder: Path) -> dict[str, Path]:
    """Name (the file's stem) → path of every YAML file in a catalogue folder, sorted."""
    return {p.stem: p for p in sorted(folder.glob("*.yaml")) if not p.stem.startswith("_")}


def looks_like_path(name: str) -> bool:
    """Whether the user wrote a path to a file rather than a catalogue name."""
    return name.endswith((".yaml", ".yml", ".json")) or Path(name).is_dir()


@lru_cache(maxsize=256)
def hardware(name: str) -> Hardware:
    """The device called ``name`` (a slug, an alias, or a path to a YAML file).

    Raises:
        InputError: unknown; suggests the nearest names and never falls back to another device.
    """
    if looks_like_path(name):
        return _read_hardware(Path(name))
    known = names(data_folder("hardware_specs"))
    slug = name.lower().replace(" ", "-").replace("_", "-")
    if slug in known:
        return _read_hardware(known[slug])
    for path in known.values():
        # Only files that mention the text can carry it as an alias; parsing all is slow.
        if slug in path.read_text(encoding="utf-8").lower():
            candidate = _read_hardware(path)
            if slug in (a.lower() for a in candidate.aliases):
                return candidate
    raise InputError(f"unknown hardware {name!r}", field="hardware", remedy=nearest(slug, known))


def _read_hardware(path: Path) -> Hardware:
    content = read_mapping(path)
    base = content.get("base")
    if base is not None:
        known = names(data_folder("hardware_specs"))
        if base not in known:
            raise InputError(
                f"unknown base device {base!r}",
                file=path,
                field="base",
                remedy=nearest(str(base), known),
            )
        inherited = read_mapping(known[base])
        inherited.pop("aliases", None)
        content = _merged(inherited, content)
    found = validate(Hardware, content, path)
    if found.name != path.stem:
        raise InputError(
            f"name {found.name!r} differs from the file's name",
            file=path,
            field="name",
            remedy=f"write name: {path.stem}",
        )
    return found


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """``over`` laid over ``under``, mapping by mapping; a leaf or a list replaces the whole."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and "value" not in value:
            value = _merged(below, value)
        merged[key] = value
    return merged


@lru_cache(maxsize=256)
def model(name: str) -> Model:
    """The model called ``name``: a slug, a Hugging Face id, a YAML file or a ``config.json``.

    Raises:
        InputError: unknown or not understood; names the field, or suggests the nearest names.
    """
    if looks_like_path(name):
        path = Path(name)
        path = path / "config.json" if path.is_dir() else path
        if path.suffix == ".json":
            title = path.parent.name if path.name == "config.json" else path.stem
            return read_config(read_mapping(path), name=title.lower(), title=title, file=path)
        return _read_model_file(path)
    known = names(data_folder("models"))
    slug = name.lower().split("/")[-1]
    if slug in known:
        return _read_model_file(known[slug])
    for path in known.values():
        if slug in path.read_text(encoding="utf-8").lower():
            aliases = [str(a).lower() for a in read_mapping(path).get("aliases", [])]
            if slug in (a.split("/")[-1] for a in aliases):
                return _read_model_file(path)
    raise InputError(f"unknown model {name!r}", field="model", remedy=nearest(slug, known))


def _read_model_file(path: Path) -> Model:
    return model_of(validate(ModelFile, read_mapping(path), path), path)


@lru_cache(maxsize=32)
def engine_profile(name: str) -> EngineProfile:
    """The serving engine called ``name``.

    Raises:
        InputError: unknown; suggests the nearest.
    """
    known = names(_PACKAGE / "specs" / "engine_profiles")
    if name not in known:
        raise InputError(f"unknown engine {name!r}", field="engine", remedy=nearest(name, known))
    return validate(EngineProfile, read_mapping(known[name]), known[name])


@lru_cache(maxsize=32)
def class_calibration(device_class: str) -> Calibration:
    """What is assumed of a device of this class where nobody has measured it.

    Laws that the class says nothing of are those of any device.
    """
    of_any, of_class = (_of_class(name) for name in ("any", device_class))
    return of_class.model_copy(update={"constants": {**of_any.constants, **of_class.constants}})


def _of_class(name: str) -> Calibration:
    path = _PACKAGE / "specs" / "device_classes" / f"{name}.yaml"
    return validate(Calibration, read_mapping(path), path)


def engine_names() -> tuple[str, ...]:
    """Every serving engine that has a profile."""
    return tuple(names(_PACKAGE / "specs" / "engine_profiles"))


_LINK_CLASSES = {
    "nvlink": "nvlink",
    "infinity": "infinity-fabric",
    "xgmi": "infinity-fabric",
    "ici": "ici",
    "neuronlink": "ici",
    "hccs": "hccs",
    "unified bus": "hccs",
    "infiniband": "infiniband",
    "connectx": "infiniband",
    "wafer": "wafer",
    "swarm": "wafer",
}


@lru_cache(maxsize=32)
def link_calibration(technology: str) -> Calibration:
    """What is assumed of a link of this technology where nobody has measured it."""
    name = next((c for t, c in _LINK_CLASSES.items() if t in technology.lower()), "ethernet")
    path = _PACKAGE / "specs" / "link_classes" / f"{name}.yaml"
    return validate(Calibration, read_mapping(path), path)


_CHIP_LINKS = ("c2c", "infinity", "lpddr", "ddr")
"""Links from chip to chip, or memory that is the device's own without a bus between."""


@lru_cache(maxsize=32)
def host_link_calibration(technology: str) -> Calibration:
    """What is assumed of a device's way to its host where nobody has measured it."""
    chip = any(name in technology.lower() for name in _CHIP_LINKS)
    path = _PACKAGE / "specs" / "link_classes" / f"host-{'chip' if chip else 'pcie'}.yaml"
    return validate(Calibration, read_mapping(path), path)


def scenario_path(name: str) -> Path:
    """A scenario by path, or by name from the catalogue when no such file is here."""
    path = Path(name)
    if path.exists():
        return path
    known = names(data_folder("scenarios"))
    slug = path.stem if path.parts[:1] in ((), ("scenarios",)) or len(path.parts) == 1 else None
    if slug in known:
        return known[slug]
    raise InputError(
        f"no such scenario file {name!r}", field="scenario", remedy=nearest(name, known)
    )


def all_hardware() -> Iterator[Hardware]:
    """Every device of the catalogue."""
    return (hardware(name) for name in names(data_folder("hardware_specs")))


def all_models() -> Iterator[Model]:
    """Every model of the catalogue."""
    return (model(name) for name in names(data_folder("models")))


def templates() -> dict[str, Path]:
    """Commented files to fill in, by what they describe."""
    return names(_PACKAGE / "specs" / "templates")
