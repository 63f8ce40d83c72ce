"""Devices as drivers and benchmarks call them, by the catalogue's names."""

import re
from functools import cache

from simulator.errors import InputError
from simulator.specs import catalogue
from simulator.specs.folders import data_folder, names

_MAKERS = re.compile(
    r"\b(nvidia|amd|intel|geforce|radeon|graphics|apple inc\.?|\(r\)|\(tm\)|corporation)\b",
    re.IGNORECASE,
)


def device_named(text: str) -> str:
    """The catalogue's name of a device that ``text`` names; empty where it is not in it.

    Makers' names do not count: ``NVIDIA GeForce RTX 4090`` is ``rtx-4090``.
    """
    return _known().get(_plain(text), "") if text else ""


@cache
def _known() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names(data_folder("hardware_specs")):
        found[_plain(name)] = name
        try:
            found.setdefault(_plain(catalogue.hardware(name).title), name)
        except InputError:
            # What is wrong with that file is told to whoever asks for it.
            continue
    return found


def _plain(text: str) -> str:
    bare = _MAKERS.sub(" ", text.split("(")[0])
    return "-".join(re.findall(r"[a-z0-9.]+", bare.lower()))
