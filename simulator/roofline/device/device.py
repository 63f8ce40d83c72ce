"""A device as the cost laws see it: data-sheet rates, and calibration laid over class defaults."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from simulator.errors import InputError, nearest
from simulator.roofline.device.power import PowerCalibration, PowerShares, power_calibration
from simulator.roofline.laws.collective.choice import menu_for
from simulator.roofline.laws.collective.constants import Link as CalibratedLink
from simulator.roofline.laws.collective.constants import LinkCalibration, Protocol
from simulator.roofline.laws.collective.fabric import Fabric, FabricKind
from simulator.roofline.laws.collective.menu import ANY, AllReduceMenu
from simulator.specs.calibration import Calibration
from simulator.specs.catalogue import class_calibration
from simulator.specs.hardware import ComputeEngine, Hardware, Link
from simulator.specs.link_class import link_class
from simulator.specs.precision import COMPUTE_FALLBACKS, Precision

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ConstantsT = TypeVar("ConstantsT", bound="DataclassInstance")

_UNKNOWN_RESIDUAL = 0.3
"""Relative error of a law that nobody gave one."""

_DATATYPE_SPELLINGS = {"nvfp4": ("nvfp4", "fp4"), "mxfp4": ("mxfp4", "fp4")}


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How a device multiplies a precision: the datatype its units compute in, and that peak.

    ``fallback`` says, for people, what is computed instead where the datatype is missing.
    """

    datatype: str
    peak_flops: float
    fallback: str | None = None


@dataclass(frozen=True, eq=False)
class Device:
    """One device and one of its compute engines, ready for the cost laws.

    Args:
        device_class: the class whose defaults hold for the engine: a SoC's CPU is a ``cpu``.
        units, peaks, bandwidth_bytes_per_s, cache_bytes, memory_bytes: data-sheet rates.
        constants: law → constants, the device's own laid over its class's.
        kernels: law → kernel family.
        residuals: law → relative error (one standard deviation of log time).
        calibrated: laws that were measured on this very device.
        power: the power law in SI units.
        scale_up, scale_out: links between devices, where the device has any.
        all_reduce: which all-reduce kernels the engine on top has (see ``served_by``).
    """

    name: str
    title: str
    device_class: str
    vendor: str
    engine: str
    units: float
    peaks: Mapping[str, float]
    bandwidth_bytes_per_s: float
    cache_bytes: float
    memory_bytes: float
    constants: Mapping[str, Mapping[str, float]]
    kernels: Mapping[str, str]
    residuals: Mapping[str, float]
    calibrated: frozenset[str]
    power: PowerCalibration
    scale_up: CalibratedLink | None
    scale_out: CalibratedLink | None
    origins: Mapping[str, str]
    all_reduce: AllReduceMenu = ANY
    _laws: dict[tuple[str, type], object] = field(default_factory=dict, repr=False)

    @property
    def runs_gpu_kernels(self) -> bool:
        """Whether kernels written for discrete GPUs run on it: on GPUs and on NVIDIA's SoCs."""
        is_cuda_soc = self.vendor == "NVIDIA" and self.engine == "gpu"
        return self.device_class.endswith("gpu") or is_cuda_soc

    @property
    def levels(self) -> tuple[CalibratedLink, ...]:
        """The links to other devices, the nearest first."""
        return tuple(link for link in (self.scale_up, self.scale_out) if link is not None)

    def served_by(self, engine: str) -> "Device":
        """The device with the communication kernels that a serving engine brings."""
        technology = "" if self.scale_up is None else self.scale_up.technology
        return replace(self, all_reduce=menu_for(engine, technology))

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

    def law(self, name: str, kind: type[ConstantsT]) -> ConstantsT:
        """The constants of law ``name`` as ``kind``: ``matmul.bf16`` is laid over ``matmul``.

        Raises:
            InputError: a constant is unknown to the law, missing, or out of its range.
        """
        key = (name, kind)
        known = self._laws.get(key)
        if known is None:
            found: dict[str, float] = {}
            for wider in reversed(_widening(name)):
                found |= self.constants.get(wider, {})
            known = _construct(kind, found, f"{self.name}: calibration.{name}")
            self._laws[key] = known
        return cast(ConstantsT, known)

    def has_law(self, name: str) -> bool:
        """Whether ``name`` has constants of its own, not only those of a wider law."""
        return name in self.constants

    def kernel(self, name: str) -> str:
        """The kernel family of law ``name``, or of the nearest wider one."""
        return next(self.kernels[n] for n in _widening(name) if n in self.kernels)

    def residual(self, name: str) -> float:
        """Relative error of law ``name``; an uncalibrated law carries its class's."""
        found = (self.residuals[n] for n in _widening(name) if n in self.residuals)
        return next(found, _UNKNOWN_RESIDUAL)

    def origin(self, name: str) -> str:
        """What the constants of law ``name`` were measured with."""
        found = (self.origins[n] for n in _widening(name) if n in self.origins)
        return next(found, "class default")


def _widening(name: str) -> list[str]:
    """``a.b.c``, ``a.b``, ``a``: a law and those it is laid over."""
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(len(parts), 0, -1)]


def _construct(kind: type[ConstantsT], found: Mapping[str, Any], where: str) -> ConstantsT:
    known = {f.name: f for f in fields(kind)}
    for name in found:
        if name not in known:
            raise InputError(
                "unknown calibration constant", field=f"{where}.{name}", remedy=nearest(name, known)
            )
    for name, each in known.items():
        if name not in found and each.default is MISSING and each.default_factory is MISSING:
            raise InputError("missing calibration constant", field=f"{where}.{name}")
    try:
        return kind(**found)
    except ValueError as error:
        raise InputError(str(error), field=where) from None


def resolve(hardware: Hardware, engine: str | None = None) -> Device:
    """The device that ``hardware`` describes, with one of its compute engines.

    Raises:
        InputError: no such engine, or a calibration that its law does not understand.
    """
    chosen = engine or hardware.main_engine
    if chosen not in hardware.engines:
        raise InputError(
            f"{hardware.name} has no engine {chosen!r}",
            field="hardware",
            remedy=nearest(chosen, hardware.engines),
        )
    part = hardware.engines[chosen]
    defaults = class_calibration(_class_of(hardware, chosen))
    own = part.calibration
    constants = _laid_over(_values(defaults), _values(own))
    peaks = {str(name): float(value) for name, value in part.peak.items()}
    bandwidth = _bandwidth(hardware, part)
    cache = part.cache or (hardware.memory.cache.capacity if hardware.memory.cache else None)
    return Device(
        name=hardware.name if engine is None else f"{hardware.name}:{chosen}",
        title=hardware.title,
        device_class=_class_of(hardware, chosen),
        vendor=hardware.vendor,
        engine=chosen,
        units=float(part.units),
        peaks=peaks,
        bandwidth_bytes_per_s=bandwidth,
        cache_bytes=0.0 if cache is None else float(cache),
        memory_bytes=_memory_bytes(hardware),
        constants=constants,
        kernels={**defaults.kernels, **(own.kernels if own else {})},
        residuals={**_floats(defaults.residual), **(_floats(own.residual) if own else {})},
        calibrated=frozenset(_values(own)),
        power=_power(hardware, part, constants.get("power", {}), peaks, bandwidth),
        scale_up=_link(hardware.links.scale_up, _NODE),
        scale_out=_link(hardware.links.scale_out, _ANY_NUMBER),
        origins=_origins(defaults, own),
    )


def class_only(hardware: Hardware, device: Device) -> Device | None:
    """``device`` as if nobody had measured it; None where nobody has."""
    part = hardware.engines[device.engine]
    if part.calibration is None:
        return None
    engines = {**hardware.engines, device.engine: part.model_copy(update={"calibration": None})}
    bare = resolve(hardware.model_copy(update={"engines": engines}), device.engine)
    return replace(bare, name=device.name, all_reduce=device.all_reduce)


def _class_of(hardware: Hardware, engine: str) -> str:
    """The class whose defaults an engine takes: a SoC's CPU and NPU have their own."""
    own_class = {"cpu": "cpu", "npu": "npu"}.get(engine)
    return own_class or hardware.device_class


def _values(section: Calibration | None) -> dict[str, dict[str, float]]:
    if section is None:
        return {}
    return {law: _floats(found) for law, found in section.constants.items()}


def _floats(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(quantity) for name, quantity in found.items()}


def _origins(defaults: Calibration, own: Calibration | None) -> dict[str, str]:
    origins = dict.fromkeys(defaults.constants, defaults.measured_with)
    if own is not None:
        origins.update(dict.fromkeys(own.constants, own.measured_with))
    return origins


def _bandwidth(hardware: Hardware, part: ComputeEngine) -> float:
    main = hardware.memory.main.bandwidth
    if part.memory_bandwidth is not None:
        return float(part.memory_bandwidth)
    if main is None:
        raise InputError(
            "nobody has published the bandwidth of the main memory",
            file=hardware.name,
            field="memory.main.bandwidth",
            remedy="give an assumed value with low and high in a file of your own",
        )
    return float(main)


def _memory_bytes(hardware: Hardware) -> float:
    usable = hardware.memory.main.usable_bytes
    share = hardware.memory_share_for_accelerator
    return usable * float(share) if share is not None else usable


def _power(
    hardware: Hardware,
    part: ComputeEngine,
    constants: Mapping[str, float],
    peaks: Mapping[str, float],
    bandwidth: float,
) -> PowerCalibration:
    shares = _construct(PowerShares, constants, f"{hardware.name}: calibration.power")
    rated = float(part.power_limit or hardware.power.limit)
    return power_calibration(shares, rated, peaks, bandwidth)


_NODE = 8
"""Devices that a scale-up link joins where its file does not say."""
_ANY_NUMBER = 1 << 20
"""A network between nodes grows with the installation."""


def _link(link: Link | None, domain: int) -> CalibratedLink | None:
    """The link with its own calibration laid over that of its technology."""
    if link is None:
        return None
    devices = int(float(link.domain)) if link.domain is not None else domain
    dims = tuple(link.dimensions or ())
    if not dims and link.topology in ("torus", "ring", "wafer"):
        dims = (devices,)
    bandwidth = float(link.bandwidth)
    per_peer = float(link.per_peer) if link.per_peer is not None else bandwidth
    if link.topology == "mesh" and link.per_peer is None:
        per_peer = bandwidth / max(1, devices - 1)
    fabric = Fabric(
        kind=_FABRICS[link.topology],
        devices=devices,
        bandwidth_bytes_per_s=bandwidth,
        peer_bandwidth_bytes_per_s=per_peer,
        hop_latency_s=float(link.latency) if link.latency is not None else 0.0,
        dims=dims,
        in_network_reduction=link.in_network_reduction,
    )
    constants = _laid_over(
        _values(link_class(link.link_class, link.between)), _values(link.calibration)
    )
    return CalibratedLink(fabric, _link_constants(constants), link.technology)


_FABRICS = {
    "switched": FabricKind.SWITCHED,
    "mesh": FabricKind.PEER_MESH,
    "torus": FabricKind.TORUS,
    "ring": FabricKind.TORUS,
    "wafer": FabricKind.GRID,
}


def _laid_over(
    under: Mapping[str, Mapping[str, float]], over: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """Constants of ``over`` replace those of ``under``, law by law and name by name."""
    return {law: {**under.get(law, {}), **over.get(law, {})} for law in {**under, **over}}


def _link_constants(constants: Mapping[str, Mapping[str, float]]) -> LinkCalibration:
    protocols = {
        field.name: _construct(Protocol, constants[field.name], f"link calibration {field.name}")
        for field in fields(LinkCalibration)
        if field.name in constants
    }
    return _construct(LinkCalibration, {**constants["shares"], **protocols}, "link calibration")
