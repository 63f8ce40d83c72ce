"""A device as the step sees it: data-sheet rates, its law book, its power and its links."""

from dataclasses import dataclass, replace
from datetime import date
from math import hypot

from simulator.errors import InputError, nearest
from simulator.roofline.device.law_book import law_book
from simulator.roofline.device.links import links_of
from simulator.roofline.device.power import PowerCalibration, power_calibration
from simulator.roofline.device.sheet_errors import SheetErrors
from simulator.roofline.laws.book import LawBook
from simulator.roofline.laws.collective.constants import LINK, Link
from simulator.roofline.laws.power.constants import POWER
from simulator.roofline.laws.rates import Rates
from simulator.specs.catalogue import class_calibration
from simulator.specs.hardware import ComputeEngine, Hardware


@dataclass(frozen=True, eq=False)
class Device(Rates):
    """One device and one of its compute engines, ready for the cost laws.

    Laws are given it as its rates, with the book beside them.

    Args:
        device_class: the class whose defaults hold for the engine: a SoC's CPU is a ``cpu``.
        runs_gpu_kernels: whether kernels written for discrete GPUs run on it.
        memory_bytes: what one device has for this engine.
        power: the power law in SI units.
        book: every law that is known of it; links stand there too.
        sheet: how far its rates may be off.
    """

    title: str
    device_class: str
    runs_gpu_kernels: bool
    engine: str
    memory_bytes: float
    power: PowerCalibration
    book: LawBook
    sheet: SheetErrors

    @property
    def power_sigma(self) -> float:
        """Relative error of its power: the law's, and that of a limit that nobody published."""
        own = self.book.residual(POWER.name)
        return own if self.book.is_calibrated(POWER.name) else hypot(own, self.sheet.power)

    @property
    def scale_up(self) -> Link | None:
        """The link to the nearest other devices, where it has one."""
        return self.book.law(LINK).constants.scale_up

    @property
    def scale_out(self) -> Link | None:
        """The link out of the scale-up domain, where it has one."""
        return self.book.law(LINK).constants.scale_out

    @property
    def levels(self) -> tuple[Link, ...]:
        """The links to other devices, the nearest first."""
        return self.book.law(LINK).constants.levels


def resolve(hardware: Hardware, engine: str | None = None, software: date | None = None) -> Device:
    """The device that ``hardware`` describes, with one of its compute engines.

    Without a day of which its ``software`` is, it reaches what it does with the newest.

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
    device_class = part.device_class or hardware.device_class
    of_class, runs = class_calibration(device_class), part.runs_gpu_kernels
    peaks = {str(name): float(value) for name, value in part.peak.items()}
    bandwidth = _bandwidth(hardware, part)
    cache = hardware.memory.cache.capacity if hardware.memory.cache else part.cache
    calibration = part.calibration
    if calibration is not None and software is not None:
        calibration = calibration.under(software)
    book = law_book(hardware.name, of_class, calibration)
    rated_w = float(part.power_limit or hardware.power.limit)
    return Device(
        name=hardware.name if engine is None else f"{hardware.name}:{chosen}",
        title=hardware.marked_title,
        device_class=device_class,
        runs_gpu_kernels=of_class.runs_gpu_kernels if runs is None else runs,
        engine=chosen,
        units=float(part.units),
        peaks=peaks,
        bandwidth_bytes_per_s=bandwidth,
        cache_bytes=0.0 if cache is None else float(cache),
        memory_bytes=_memory_bytes(hardware),
        power=power_calibration(
            book.law(POWER).constants, rated_w, peaks, bandwidth, _idle_w(hardware, part)
        ),
        book=book.with_law(links_of(hardware.name, hardware.links, book.residual(LINK.name))),
        sheet=SheetErrors.of(hardware, part),
    )


def class_only(hardware: Hardware, device: Device) -> Device | None:
    """``device`` as if nobody had measured it; None where nobody has."""
    part = hardware.engines[device.engine]
    if part.calibration is None:
        return None
    engines = {**hardware.engines, device.engine: part.model_copy(update={"calibration": None})}
    bare = resolve(hardware.model_copy(update={"engines": engines}), device.engine)
    return replace(bare, name=device.name)


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


def _idle_w(hardware: Hardware, part: ComputeEngine) -> float | None:
    """What the device draws with no work, where that is known of its main engine."""
    is_of_another = part.power_limit is not None or hardware.power.idle is None
    return None if is_of_another else float(hardware.power.idle or 0.0)


def _memory_bytes(hardware: Hardware) -> float:
    usable = hardware.memory.main.usable_bytes
    share = hardware.memory_share_for_accelerator
    return usable * float(share) if share is not None else usable
