"""The roof of a device: the rates and watts that charts draw as lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from simulator.roofline.device.device import Device, resolve
from simulator.specs import catalogue
from simulator.specs.what_if import split_engine


@dataclass(frozen=True, slots=True)
class Roof:
    """Data-sheet rates of one device, with the watts it idles at and is held to."""

    title: str
    peaks: Mapping[str, float]
    bandwidth_bytes_per_s: float
    idle_w: float
    limit_w: float

    @classmethod
    def of(cls, device: Device) -> "Roof":
        """The roof of a resolved device."""
        return cls(
            title=device.title,
            peaks=MappingProxyType(dict(device.peaks)),
            bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
            idle_w=device.power.idle_w,
            limit_w=device.power.limit_w,
        )

    @classmethod
    def named(cls, hardware: str) -> "Roof":
        """The roof of a device of the catalogue, as a scenario names it.

        Raises:
            InputError: unknown hardware or engine.
        """
        name, engine = split_engine(hardware)
        return cls.of(resolve(catalogue.hardware(name), engine))

    def ceilings(self) -> list[tuple[str, float]]:
        """Peaks with the datatypes that share them, the highest first."""
        grouped: dict[float, list[str]] = {}
        for datatype, peak in self.peaks.items():
            near = next((p for p in grouped if abs(p - peak) <= 0.02 * peak), peak)
            grouped.setdefault(near, []).append(datatype)
        return [(", ".join(names), peak) for peak, names in sorted(grouped.items(), reverse=True)]
