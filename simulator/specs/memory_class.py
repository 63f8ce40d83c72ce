"""What is assumed of a memory technology where a hardware file leaves it out."""

from functools import lru_cache
from pathlib import Path

from simulator.specs.quantity import (
    Bytes,
    BytesPerSecond,
    JoulesPerByte,
    Seconds,
    Spec,
    Usd,
)
from simulator.specs.reading import read_mapping, validate

_FILE = Path(__file__).with_name("memory_classes.yaml")


class MemoryClass(Spec):
    """Typical latency, smallest transfer, energy and price of one technology."""

    latency: Seconds
    granularity: Bytes
    bandwidth: BytesPerSecond | None = None
    energy_per_byte: JoulesPerByte
    usd_per_gigabyte: Usd | None = None


@lru_cache(maxsize=1)
def _classes() -> dict[str, MemoryClass]:
    return {
        name: validate(MemoryClass, fields, _FILE) for name, fields in read_mapping(_FILE).items()
    }


def memory_class(technology: str | None) -> MemoryClass:
    """The class whose name ``technology`` contains (``HBM3e`` is ``HBM``); else ``DDR``."""
    known = _classes()
    found = (name for name in known if technology and name.lower() in technology.lower())
    return known[next(found, "DDR")]
