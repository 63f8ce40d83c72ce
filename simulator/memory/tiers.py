"""The tiers of a device, near to far, and the links that everything off the device shares.

All rates are those of data sheets, in one direction; how much of them a transfer reaches is the
roofline's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from simulator.errors import InputError
from simulator.specs.calibration import Calibration
from simulator.specs.hardware import Hardware, Link, MemoryTier
from simulator.specs.memory_class import memory_class
from simulator.specs.offload import Offload
from simulator.units import humane

_USUAL_HOST_BYTES = {"datacenter-gpu": 256e9, "datacenter-accelerator": 256e9, "tpu": 192e9}
"""A device's share of the memory of its host, where nobody says (assumed)."""

_USUAL_DRIVE = MemoryTier.model_validate({"technology": "NVMe", "capacity": 3.84e12})

NETWORK_LATENCY_S = 10e-6
"""First byte from a remote store over RDMA, software included (assumed)."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A place where bytes live, as one device sees it.

    Args:
        name: ``cache``, ``device``, ``host``, ``cxl``, ``storage`` or ``remote``, near to far.
        bandwidth_bytes_per_s: of the memory itself; infinite where only its link binds.
        granule_bytes: the least that moves.
        path: names of the links that bytes cross on their way to the device, none for its own.
    """

    name: str
    technology: str
    capacity_bytes: float
    bandwidth_bytes_per_s: float
    latency_s: float
    granule_bytes: float
    joules_per_byte: float
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SharedLink:
    """A link that weights, cache and tables share, in one direction; ``used`` is others' part.

    ``calibration`` is what was measured on this very link, if anybody did.
    """

    name: str
    link_class: str
    bandwidth_bytes_per_s: float
    used_bytes_per_s: float = 0.0
    calibration: Calibration | None = None

    @property
    def left_bytes_per_s(self) -> float:
        """What others leave: no less than a fair half of the link."""
        whole = self.bandwidth_bytes_per_s
        return max(whole - self.used_bytes_per_s, whole / 2)


@dataclass(frozen=True)
class MemorySystem:
    """Every tier of one device, by name, and the links to them.

    ``unified`` says that the processors of the machine share one memory: there is no copy
    between them, and no second tier to offload to.
    """

    device: str
    tiers: Mapping[str, Tier]
    links: Mapping[str, SharedLink]
    unified: bool

    def tier(self, name: str, *, field: str) -> Tier:
        """The tier called ``name``.

        Raises:
            InputError: the device has none, or no link to it; says which it has.
        """
        if name in self.tiers:
            return self.tiers[name]
        known = ", ".join(self.tiers)
        if self.unified and name == "host":
            problem = f"{self.device} has one memory that all its processors share: there is no"
            problem += " host memory to offload to, and nothing to copy"
        elif name in ("host", "storage", "cxl") and "host" not in self.links:
            problem = f"{self.device} has no link to a host, so nothing can lie in {name}"
        else:
            problem = f"{self.device} has no tier {name!r}"
        raise InputError(problem, field=field, remedy=f"it has {known}")

    def bandwidth_bytes_per_s(self, name: str) -> float:
        """What limits a stream from tier ``name``: the memory, or the slowest link before it."""
        tier = self.tiers[name]
        links = (self.links[link].left_bytes_per_s for link in tier.path)
        return min(tier.bandwidth_bytes_per_s, *links, float("inf"))

    def require_room(self, name: str, parts: Mapping[str, float], *, field: str) -> None:
        """Refuse what tier ``name`` cannot hold, with the sum written out.

        Raises:
            InputError: names every part and its size.
        """
        tier = self.tier(name, field=field)
        needed = sum(parts.values())
        if needed <= tier.capacity_bytes:
            return
        sums = " + ".join(f"{humane(size, 'B')} {what}" for what, size in parts.items() if size)
        raise InputError(
            f"{sums} = {humane(needed, 'B')} exceed the {humane(tier.capacity_bytes, 'B')} of "
            f"{tier.technology} that {self.device} has as {name} by "
            f"{humane(needed - tier.capacity_bytes, 'B')}",
            field=field,
            remedy=self._roomier(name, needed),
        )

    def _roomier(self, name: str, needed: float) -> str:
        roomy = [t.name for t in self.tiers.values() if t.capacity_bytes >= needed]
        ideas = [f"place it in {where}" for where in roomy if where != name]
        return ", or ".join(
            [*ideas, "give offload.host_memory if the machine has more", "shrink it"]
        )


def memory_system(hardware: Hardware, settings: Offload | None = None) -> MemorySystem:
    """The tiers of ``hardware``, with what ``settings`` say about its surroundings."""
    settings = settings or Offload()
    memory, host_link = hardware.memory, hardware.links.host
    unified = hardware.device_class in ("unified-memory-soc", "cpu") and host_link is None
    main = memory.main
    share = hardware.memory_share_for_accelerator
    usable = main.usable_bytes * (float(share) if share is not None else 1.0)
    tiers = {"device": replace(_tier("device", main, ()), capacity_bytes=usable)}
    links: dict[str, SharedLink] = {}
    if memory.cache is not None:
        tiers = {"cache": _tier("cache", memory.cache, ()), **tiers}
    path: tuple[str, ...] = ()
    if host_link is not None:
        links["host"] = _link(host_link, settings.background)
        path = ("host",)
        tiers["host"] = _host(memory.host, hardware, settings, path)
    if memory.cxl is not None and path:
        tiers["cxl"] = _tier("cxl", memory.cxl, path)
    if memory.storage is not None or settings.wants_storage:
        found = _tier("storage", memory.storage or _USUAL_DRIVE, path)
        rate = settings.storage_bandwidth or found.bandwidth_bytes_per_s
        tiers["storage"] = replace(found, bandwidth_bytes_per_s=rate)
    kv = settings.kv
    if kv is not None and kv.remote and kv.remote_bandwidth is not None:
        links["network"] = SharedLink("network", "pcie", kv.remote_bandwidth)
        tiers["remote"] = Tier(
            "remote", "network", kv.remote, kv.remote_bandwidth, NETWORK_LATENCY_S, 4096.0,
            1e-9, (*path, "network"),
        )  # fmt: skip
    return MemorySystem(hardware.name, tiers, links, unified)


def _host(
    published: MemoryTier | None, hardware: Hardware, settings: Offload, path: tuple[str, ...]
) -> Tier:
    """The host's memory: as the user says, as the file says, or as such machines usually have."""
    if published is None:
        usual = _USUAL_HOST_BYTES.get(hardware.device_class, 64 * 2.0**30)
        published = MemoryTier.model_validate({"technology": "DDR5 (assumed)", "capacity": usual})
    tier = _tier("host", published, path)
    if settings.host_memory is not None:
        tier = replace(tier, capacity_bytes=settings.host_memory)
    return tier


def _tier(name: str, memory: MemoryTier, path: tuple[str, ...]) -> Tier:
    usual = memory_class("SRAM" if name == "cache" else memory.technology)
    bandwidth = memory.bandwidth or usual.bandwidth
    return Tier(
        name=name,
        technology=memory.technology or "memory",
        capacity_bytes=memory.usable_bytes,
        bandwidth_bytes_per_s=float("inf") if bandwidth is None else float(bandwidth),
        latency_s=float(memory.latency or usual.latency),
        granule_bytes=float(memory.granularity or usual.granularity),
        joules_per_byte=float(memory.energy_per_byte or usual.energy_per_byte),
        path=path,
    )


def _link(link: Link, used: float) -> SharedLink:
    return SharedLink("host", link.link_class, float(link.bandwidth), used, link.calibration)


def shared_bandwidth_bytes_per_s(system: MemorySystem, background_bytes_per_s: float) -> float:
    """What one processor of a unified-memory machine gets while others draw ``background``.

    One memory serves all, so what the others take is gone; a memory controller is fair, so a
    processor that wants everything keeps at least half.
    """
    whole = system.tiers["device"].bandwidth_bytes_per_s
    return max(whole - background_bytes_per_s, whole / 2)
