"""Where the catalogue's files lie, and what each is called."""

from pathlib import Path

from simulator.specs.text_file import is_file

SPECS = Path(__file__).resolve().parent
PACKAGE = SPECS.parent
"""The folder of the whole package."""

SOURCES = "sources.yaml"
"""The table of citations that several files of a folder share; it describes no device itself."""


def data_folder(name: str) -> Path:
    """The folder ``hardware_specs``, ``models`` or ``scenarios``.

    An installed wheel carries them inside the package; a checkout has them beside it.
    """
    installed = PACKAGE / "data" / name
    return installed if installed.is_dir() else PACKAGE.parent / name


def entry(folder: Path, name: str) -> Path | None:
    """The file of the entry called ``name``; None where the folder itself holds no such file."""
    path = folder / f"{name}.yaml"
    here = name and path.parent == folder and path.name != SOURCES
    return path if here and is_file(path) else None


def names(folder: Path) -> dict[str, Path]:
    """Name (the file's stem) → path of every entry of a catalogue folder, sorted."""
    return {p.stem: p for p in sorted(folder.glob("*.yaml")) if p.name != SOURCES}
