"""How far the rates of a data sheet may be off, where nobody has published them for certain."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.specs.hardware import ComputeEngine, Hardware
from simulator.specs.quantity import Quantity


@dataclass(frozen=True, slots=True)
class SheetErrors:
    """Relative errors (standard deviations of logarithms) of rates that are given with an interval.

    They only count for laws that nobody measured on the device: constants that were fitted to it
    make up for a wrong data sheet.

    Args:
        memory: of the main memory's bandwidth.
        link: of the nearest link's.
        power: of the power limit.
        compute: of the peaks, by datatype.
    """

    memory: float = 0.0
    link: float = 0.0
    power: float = 0.0
    compute: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_certain(self) -> bool:
        """Whether no rate of a step has an interval."""
        return not (self.memory or self.link or self.compute)

    @classmethod
    def of(cls, hardware: Hardware, part: ComputeEngine) -> "SheetErrors":
        """Those of one engine of ``hardware``."""
        link = hardware.links.scale_up or hardware.links.scale_out
        peaks = {str(name): peak.relative_sigma for name, peak in part.peak.items()}
        return cls(
            memory=_sigma(part.memory_bandwidth or hardware.memory.main.bandwidth),
            link=_sigma(None if link is None else link.bandwidth),
            power=_sigma(part.power_limit or hardware.power.limit),
            compute={name: sigma for name, sigma in peaks.items() if sigma},
        )


def _sigma(quantity: Quantity | None) -> float:
    return 0.0 if quantity is None else quantity.relative_sigma
