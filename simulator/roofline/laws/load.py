"""What running something puts on a device: time, FLOPs, bytes and launches, as arrays of steps."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Load:
    """Time and work of an operator (all of its instances), one entry for each step.

    Args:
        time_s: how long it occupies the device.
        roof_s: the same at data-sheet rates, perfectly overlapped (the speed of light).
        compute_roof_s: the compute part of that.
        flops: by datatype.
        memory_bytes: moved to or from main memory.
        link_bytes: sent to other devices.
        kernels: launches.
        law: the cost law, as calibrations spell it.
        notes: fallbacks a user should hear of.
    """

    time_s: FloatArray
    roof_s: FloatArray
    compute_roof_s: FloatArray
    flops: dict[str, FloatArray]
    memory_bytes: FloatArray
    link_bytes: FloatArray
    kernels: FloatArray
    law: str
    notes: tuple[str, ...] = field(default=())

    def times(self, count: FloatArray | float) -> "Load":
        """``count`` runs of the same."""
        if np.all(count == 1):
            return self
        return Load(
            self.time_s * count,
            self.roof_s * count,
            self.compute_roof_s * count,
            {k: v * count for k, v in self.flops.items()},
            self.memory_bytes * count,
            self.link_bytes * count,
            self.kernels * count,
            self.law,
            self.notes,
        )

    def plus(self, other: "Load") -> "Load":
        """This and then the ``other``, under the same law."""
        return Load(
            self.time_s + other.time_s,
            self.roof_s + other.roof_s,
            self.compute_roof_s + other.compute_roof_s,
            {k: v + other.flops[k] for k, v in self.flops.items()},
            self.memory_bytes + other.memory_bytes,
            self.link_bytes + other.link_bytes,
            self.kernels + other.kernels,
            self.law,
            self.notes,
        )

    @property
    def bound(self) -> NDArray[np.str_]:
        """What binds: compute, memory, link, or the latency of launching small work.

        Latency binds where the roof explains less than a fifth of the time.
        """
        memory_s = self.roof_s
        kind = np.where(self.compute_roof_s >= memory_s * (1 - 1e-9), "compute", "memory")
        kind = np.where(self.link_bytes > 0, "link", kind)
        return np.where(self.roof_s < 0.2 * self.time_s, "latency", kind)


def load(
    *,
    law: str,
    time_s: FloatArray,
    datatype: str | None = None,
    peak_flops: float = np.inf,
    flops: FloatArray | float = 0.0,
    memory_bytes: FloatArray | float = 0.0,
    bandwidth_bytes_per_s: FloatArray | float = np.inf,
    link_bytes: FloatArray | float = 0.0,
    link_roof_s: FloatArray | float = 0.0,
    kernels: FloatArray | float = 1.0,
    notes: tuple[str, ...] = (),
) -> Load:
    """A ``Load`` with its roofs worked out; work that is not there takes no time or launch."""
    time = np.asarray(time_s, dtype=np.float64)
    compute_roof = np.broadcast_to(np.asarray(flops) / peak_flops, time.shape)
    memory_roof = np.asarray(memory_bytes) / bandwidth_bytes_per_s
    absent = time <= 0
    return Load(
        time_s=time,
        roof_s=np.maximum(np.maximum(compute_roof, memory_roof), link_roof_s),
        compute_roof_s=np.asarray(compute_roof),
        flops={} if datatype is None else {datatype: np.broadcast_to(flops, time.shape)},
        memory_bytes=np.broadcast_to(np.asarray(memory_bytes, np.float64), time.shape),
        link_bytes=np.broadcast_to(np.asarray(link_bytes, np.float64), time.shape),
        kernels=np.where(absent, 0.0, np.broadcast_to(kernels, time.shape)),
        law=law,
        notes=notes,
    )
