"""What is measured about a device's power, and its law in the book."""

from dataclasses import dataclass

from simulator.roofline.laws.law import LawKind


@dataclass(frozen=True, slots=True)
class PowerShares:
    """What a device's power is made of, as fractions of its rated power (TDP).

    ``compute`` is the power that running at the data sheet's dense peak and full clock would
    take, ``memory`` that of streaming at the data sheet's bandwidth. Both may pass 1: that is a
    device whose limit binds before its peak is reached. Shares carry over to devices that nobody
    measured. Energy per byte of a link does not scale with the chip, so it is in J/byte; a link to
    the host counts both its ends and the wire between (assumed; PCIe 5 transceivers draw 5 pJ/bit).
    """

    idle: float
    active: float
    compute: float
    memory: float
    joules_per_link_byte: float = 10e-12
    joules_per_host_byte: float = 50e-12
    clock_exponent: float = 1.6
    sustained_limit: float = 0.985
    lowest_clock: float = 0.15


POWER: LawKind[PowerShares, None] = LawKind("power", PowerShares)
"""Watts at rest, of any kernel, of FLOPs and of bytes; ``device.power`` has them in SI units."""
