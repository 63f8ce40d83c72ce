"""A chip and the system around it: what computes, where bytes live, what links, watts, prices."""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from simulator.errors import FieldError
from simulator.specs.calibration import Calibration, Constant
from simulator.specs.link_class import Between, class_of_technology, known_class
from simulator.specs.prices import Prices
from simulator.specs.quantity import (
    Bytes,
    BytesPerSecond,
    Count,
    FlopPerSecond,
    Fraction,
    Hertz,
    JoulesPerByte,
    MaxWatts,
    Pieces,
    Seconds,
    Spec,
    Watts,
    Whole,
)

DeviceClass = Literal[
    "datacenter-gpu",
    "datacenter-accelerator",
    "consumer-gpu",
    "tpu",
    "wafer",
    "npu",
    "unified-memory-soc",
    "cpu",
]

Datatype = Literal[
    "fp64", "fp32", "tf32", "bf16", "fp16", "fp8", "fp6", "fp4", "nvfp4", "mxfp4", "int8", "int4",
    "ternary",
]  # fmt: skip

FOR_READERS = (
    "engines.*.clock", "engines.*.peak_sparse.*", "system.nodes", "system.host_cpus",
    "system.nics", "system.power", "area_mm2",
)  # fmt: skip
"""Numbers that no prediction reads, by their paths: there for people to look up."""

Topology = Literal["switched", "mesh", "torus", "ring", "wafer"]


class ComputeEngine(Spec):
    """One compute engine of a device: the GPU of an H100, or the NPU of a laptop chip.

    ``units`` are what one wave of work fills (SMs, CUs, MXUs, cores). ``peak`` holds dense
    rates only. ``memory_bandwidth`` is what this engine alone can draw of the main memory,
    where that is less than the whole. ``class`` is that of the engine where it is not the
    device's: the processor of a laptop chip is a ``cpu``. ``runs_gpu_kernels``: whether kernels
    written for discrete GPUs run on it, where its class does not say.
    """

    device_class: DeviceClass | None = Field(default=None, alias="class")
    runs_gpu_kernels: bool | None = None
    units: Pieces
    clock: Hertz | None = None
    peak: dict[Datatype, FlopPerSecond]
    peak_sparse: dict[Datatype, FlopPerSecond] = {}
    memory_bandwidth: BytesPerSecond | None = None
    cache: Bytes | None = None
    power_limit: MaxWatts | None = None
    calibration: Calibration | None = None

    @model_validator(mode="after")
    def _computes_something(self) -> "ComputeEngine":
        if not self.peak:
            raise ValueError("peak names no datatype; give at least one dense rate")
        return self


class MemoryTier(Spec):
    """A place where bytes live. ``capacity`` is what is sold, ``usable`` what software gets."""

    technology: str | None = None
    capacity: Bytes
    usable: Bytes | None = None
    bandwidth: BytesPerSecond | None = None
    latency: Seconds | None = None
    granularity: Bytes | None = None
    energy_per_byte: JoulesPerByte | None = None

    @model_validator(mode="after")
    def _usable_fits(self) -> "MemoryTier":
        if self.usable is not None and self.usable.value > self.capacity.value:
            raise ValueError("usable is larger than capacity")
        return self

    @property
    def usable_bytes(self) -> float:
        """Bytes software can use; the sold capacity where nobody published better."""
        return float(self.usable or self.capacity)


class Memory(Spec):
    """The tiers from near to far; only ``main`` (HBM, LPDDR, or a wafer's SRAM) is required."""

    main: MemoryTier
    cache: MemoryTier | None = None
    host: MemoryTier | None = None
    cxl: MemoryTier | None = None
    storage: MemoryTier | None = None


Side = Annotated[Whole, Field(ge=1, le=1_000_000)]


class Bridge(Spec):
    """A narrow place on the way between devices: groups of more than ``devices`` cross it.

    ``bandwidth`` is what one device then sends in one direction. A host bridge joins two switches
    of a box, another link its two sockets; where peers have no access to each other, so that all
    messages pass through host memory, groups of more than 1 cross it.
    """

    name: str
    devices: Side
    bandwidth: BytesPerSecond


class Link(Spec):
    """A link, always in one direction: ``bandwidth`` is a device's total, ``per_peer`` to one peer.

    ``domain`` is how many devices the link joins; ``dimensions`` the sides of a torus; ``bridges``
    what larger groups cross inside the domain. What
    nobody has measured is taken from the class of links that lists the ``technology``; one that
    no class lists says itself, under ``class``, which class it is like.
    """

    between: ClassVar[Between] = "link_classes"

    stated_class: str | None = Field(default=None, alias="class")
    technology: str
    bandwidth: BytesPerSecond
    per_peer: BytesPerSecond | None = None
    latency: Seconds | None = None
    domain: Pieces | None = None
    topology: Topology = "switched"
    dimensions: Annotated[list[Side], Field(min_length=1, max_length=8)] | None = None
    in_network_reduction: bool = False
    bridges: Annotated[list[Bridge], Field(max_length=8)] = []
    energy_per_byte: JoulesPerByte | None = None
    calibration: Calibration | None = None

    @model_validator(mode="after")
    def _sides_make_the_domain(self) -> "Link":
        if self.dimensions is not None and self.domain is not None:
            devices = math.prod(self.dimensions)
            if devices != self.domain.value:
                raise FieldError(
                    f"dimensions multiply to {devices}, not to the domain of {self.domain.value:g}",
                    remedy="the product of the sides is the domain",
                )
        return self

    @field_validator("stated_class")
    @classmethod
    def _class_exists(cls, name: str | None) -> str | None:
        return None if name is None else known_class(name, cls.between)

    @field_validator("technology")
    @classmethod
    def _has_a_class(cls, technology: str, info: ValidationInfo) -> str:
        # An unknown class is told on its own; only a missing one makes the technology decide.
        if info.data.get("stated_class", "") is None:
            class_of_technology(technology, cls.between)
        return technology

    @property
    def link_class(self) -> str:
        """The class whose calibration it takes where it has none of its own."""
        return self.stated_class or class_of_technology(self.technology, self.between)


class HostLink(Link):
    """The way from a device to its host."""

    between: ClassVar[Between] = "host_link_classes"


class Links(Spec):
    """The links of one device: to its host, to its peers, and out of the scale-up domain."""

    host: HostLink | None = None
    scale_up: Link | None = None
    scale_out: Link | None = None


class Power(Spec):
    """Watts of one device: ``limit`` is its board power, ``idle`` what it draws with no work."""

    idle: Watts | None = None
    limit: MaxWatts

    @model_validator(mode="after")
    def _idles_below_the_limit(self) -> "Power":
        if self.idle is not None and self.idle.value >= self.limit.value:
            raise FieldError(
                f"idle ({self.idle.value:g} W) is not below the limit ({self.limit.value:g} W)",
                remedy="check which of the two is meant",
            )
        return self


class Package(Spec):
    """What is sold as one piece where software sees several devices in it.

    ``name`` is what people call the piece (a card, a chip), ``devices`` how many are in one.
    """

    name: str
    devices: Pieces


class System(Spec):
    """What the devices are built into."""

    devices_per_node: Pieces
    nodes: Pieces | None = None
    host_cpu: str | None = None
    host_cpus: Count | None = None
    nics: Count | None = None
    nic: str | None = None
    power: Watts | None = None
    note: str | None = None


class Hardware(Spec):
    """One device as its file describes it, with the system it sits in where that is known.

    A variant or a system names a ``base`` device and then holds only what differs, or, under
    ``without``, what it lacks; the two are laid together before the schema is checked.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.\-]*$")
    title: str
    vendor: str
    device_class: DeviceClass = Field(alias="class")
    base: str | None = None
    aliases: list[str] = []
    released: str | None = None
    hypothetical: bool = False
    sources: dict[str, str] = {}
    engines: dict[str, ComputeEngine]
    default_engine: str | None = None
    memory: Memory
    links: Links = Field(default_factory=Links)
    power: Power
    package: Package | None = None
    prices: Prices = Field(default_factory=Prices)
    system: System | None = None
    area_mm2: Constant | None = None
    memory_share_for_accelerator: Fraction | None = None
    notes: str | None = None

    @model_validator(mode="after")
    def _default_engine_exists(self) -> "Hardware":
        if not self.engines:
            raise ValueError("engines names no engine")
        if self.default_engine is None and len(self.engines) > 1:
            raise ValueError(f"default_engine must name one of {', '.join(self.engines)}")
        if self.default_engine is not None and self.default_engine not in self.engines:
            raise ValueError(
                f"default_engine {self.default_engine!r} is not one of {', '.join(self.engines)}"
            )
        return self

    @model_validator(mode="after")
    def _engines_may_draw_more_than_idle(self) -> "Hardware":
        idle = self.power.idle
        for name, engine in self.engines.items():
            limit = engine.power_limit
            if limit is not None and idle is not None and limit.value <= idle.value:
                raise FieldError(
                    f"engines.{name}.power_limit ({limit.value:g} W) is not above power.idle "
                    f"({idle.value:g} W)",
                    remedy="give the power of the whole device while this engine works",
                )
        return self

    @property
    def marked_title(self) -> str:
        """The title, and that nobody can have the device yet where that is so."""
        return f"{self.title} (hypothetical)" if self.hypothetical else self.title

    @property
    def main_engine(self) -> str:
        """Name of the engine that is used unless another is asked for."""
        return self.default_engine or next(iter(self.engines))
