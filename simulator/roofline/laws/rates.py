"""What a data sheet says of a device, as far as laws may name it."""

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.errors import InputError
from simulator.specs.precision import COMPUTE_FALLBACKS, Precision

_DATATYPE_SPELLINGS = {"nvfp4": ("nvfp4", "fp4"), "mxfp4": ("mxfp4", "fp4")}

_IN_16_BITS = ("bf16", "fp16", "fp32")
"""Datatypes in which attention multiplies where narrower ones are missing, the best first."""

_NARROW = {"fp4": ("fp4", "nvfp4", "mxfp4", "fp8", "int8"), "fp8": ("fp8", "int8")}
"""Datatypes in which products of narrow values are computed, the best first."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How a device multiplies a precision: the datatype its units compute in, and that peak.

    ``fallback`` says, for people, what is computed instead where the datatype is missing.
    """

    datatype: str
    peak_flops: float
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceRates:
    """A device's data-sheet (dense) rates in one datatype.

    ``units`` are the places that hold one work item each: streaming multiprocessors, cores.
    """

    units: float
    peak_flops: float
    bandwidth_bytes_per_s: float


@dataclass(frozen=True, eq=False)
class Rates:
    """The data-sheet rates of one device, of which each law takes those it names.

    Args:
        name: what messages call the device.
        units: what one wave of work fills.
        peaks: dense FLOP/s by datatype.
        cache_bytes: of the last-level cache; 0 where nobody published it.
    """

    name: str
    units: float
    peaks: Mapping[str, float]
    bandwidth_bytes_per_s: float
    cache_bytes: float

    def arithmetic(self, precision: Precision) -> Arithmetic:
        """The datatype in which this device multiplies ``precision``.

        Raises:
            InputError: neither the datatype nor any stated fallback exists on the device.
        """
        for wanted in (precision.compute, *COMPUTE_FALLBACKS.get(precision.compute, ())):
            for datatype in _DATATYPE_SPELLINGS.get(wanted, (wanted,)):
                if datatype in self.peaks:
                    note = None
                    if wanted != precision.compute:
                        note = f"{precision.name} is computed as {datatype} on {self.name}"
                    return Arithmetic(datatype, self.peaks[datatype], note)
        raise InputError(
            f"{self.name} cannot compute {precision.name}",
            field="precision",
            remedy="it supports " + ", ".join(self.peaks),
        )

    def attending(self, wanted: str) -> tuple[str, DeviceRates]:
        """The datatype in which a core asked to multiply in ``wanted`` does so, and its rates."""
        return self._first((wanted, *_IN_16_BITS))

    def narrowed(self, wanted: str) -> tuple[str, DeviceRates]:
        """The same for kernels that come in the next best narrow datatype too."""
        return self._first((*_NARROW.get(wanted, (wanted,)), *_IN_16_BITS))

    def _first(self, order: tuple[str, ...]) -> tuple[str, DeviceRates]:
        known = (datatype for datatype in order if datatype in self.peaks)
        datatype = next(known, next(iter(self.peaks)))
        rates = DeviceRates(self.units, self.peaks[datatype], self.bandwidth_bytes_per_s)
        return datatype, rates
