"""What is assumed of a memory technology where a hardware file leaves it out."""

import re
from functools import lru_cache
from pathlib import Path

from simulator.errors import InputError, nearest
from simulator.specs.quantity import (
    Bytes,
    BytesPerSecond,
    JoulesPerByte,
    Seconds,
    Spec,
)
from simulator.specs.reading import read_mapping, validate

_FILE = Path(__file__).with_name("memory_classes.yaml")


class MemoryClass(Spec):
    """Typical latency, smallest transfer and energy of one technology."""

    latency: Seconds
    granularity: Bytes
    bandwidth: BytesPerSecond | None = None
    energy_per_byte: JoulesPerByte


@lru_cache(maxsize=1)
def _classes() -> dict[str, MemoryClass]:
    return {
        name: validate(MemoryClass, fields, _FILE) for name, fields in read_mapping(_FILE).items()
    }


_FAMILY = re.compile(r"[A-Za-z]+")


def memory_family(technology: str) -> str:
    """The letters that the name of a memory begins with, in capitals: ``HBM3e`` is ``HBM``."""
    found = _FAMILY.match(technology)
    return found[0].upper() if found else ""


def memory_class(technology: str | None) -> MemoryClass:
    """The class of a memory by its family.

    A memory whose technology nobody states is taken for ``DDR``.

    Raises:
        InputError: no class is called so; suggests the nearest.
    """
    known = {name.upper(): kind for name, kind in _classes().items()}
    found = known.get(memory_family(technology or "DDR"))
    if found is None:
        raise InputError(
            f"unknown memory technology {technology!r}",
            field="technology",
            remedy=nearest(str(technology), _classes()),
        )
    return found
