"""What a deployment keeps outside the device's own memory: weights, cache and tables."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.specs.quantity import Number, Spec, Unit, Whole

Share = Annotated[Number, Field(ge=0, le=1)]
Count = Annotated[Whole, Field(ge=1, le=1_000_000)]
Skew = Annotated[Number, Field(ge=0, le=20)]
PlainBytes = Annotated[float, Unit("bytes")]
PlainBandwidth = Annotated[float, Unit("bytes/s", allow_zero=False)]
Place = Literal["device", "host", "cxl", "storage"]


class WeightOffload(Spec):
    """Weights that lie off the device, and how they come to it.

    ``on-demand``: kernels read them over the link in place (vLLM's ``cpu_offload_gb``).
    ``prefetch``: of every ``group`` layers the last ``layers_in_group`` are copied ahead of use
    into ``prefetch_depth`` buffers of one layer each (vLLM's ``offload_group_size``,
    ``offload_num_in_group`` and ``offload_prefetch_step``). ``experts``: routed experts are
    copied when a token asks for one that is not among the ``experts_on_device`` of its layer.
    ``host-experts``: the host's processor computes the routed experts itself.

    Args:
        policy: how they come to the device: read in place (on-demand), copied ahead of use
            (prefetch), experts copied when a token asks for them (experts), or not at all: the
            host's processor computes the experts (host-experts).
        place: the tier that they lie in; not the device itself.
        gigabytes: how much lies off the device (10⁹ bytes on each device), or give ``layers``.
            ``prefetch`` takes whole layers, and without either the groups say how many.
        layers: how many layers lie off the device, or give ``gigabytes``.
        group: layers of a group, for ``prefetch``.
        layers_in_group: how many of each group lie off the device.
        prefetch_depth: buffers of one layer that layers are copied into ahead of use.
        experts_on_device: routed experts of a layer that the device keeps, for ``experts``.
        eviction: which expert leaves the device: the one unused for longest, or none, because
            the most popular ones stay.
        skew: Zipf exponent of the experts' popularity; by default as the model's.
        foreseen: share of missing experts that is known one layer ahead and fetched meanwhile.
        processor: catalogue name of the host's processor, for ``host-experts``.
        pinned: whether host memory is page-locked; pageable memory is copied by a host core.
    """

    policy: Literal["on-demand", "prefetch", "experts", "host-experts"]
    place: Place = "host"
    gigabytes: Annotated[Number, Field(gt=0, le=1e9)] | None = None
    layers: Count | None = None
    group: Count = 1
    layers_in_group: Count = 1
    prefetch_depth: Count = 1
    experts_on_device: Annotated[Whole, Field(ge=0, le=1_000_000)] = 0
    eviction: Literal["lru", "popular"] = "lru"
    skew: Skew | None = None
    foreseen: Share = 0.0
    processor: str | None = None
    pinned: bool = True

    @model_validator(mode="after")
    def _makes_sense(self) -> "WeightOffload":
        if self.place == "device":
            raise ValueError("place must be off the device: host, cxl or storage")
        if self.gigabytes is not None and self.layers is not None:
            raise ValueError("give gigabytes or layers, not both")
        if self.policy == "on-demand" and self.gigabytes is None and self.layers is None:
            raise ValueError("on-demand needs gigabytes or layers")
        if self.layers_in_group > self.group:
            raise ValueError(
                f"layers_in_group ({self.layers_in_group}) is more than group ({self.group})"
            )
        return self


class TableOffload(Spec):
    """Where looked-up tables (Engram) lie, and how their rows come to the device.

    Args:
        place: the tier that holds the tables.
        hot_rows: share of the rows that the device keeps a copy of, the most popular ones.
        skew: Zipf exponent of the rows' popularity, for the share of look-ups they serve.
        prefetch: fetch during the layers before the table's; without it a layer waits.
        collected_by: a kernel of the device that reads rows over the link, or cores of the host
            that put them together for one copy.
        host_cores: cores that do so.
        compute_units: units of the device that a gather kernel holds meanwhile.
    """

    place: Place = "host"
    hot_rows: Share = 0.0
    skew: Skew = 1.0
    prefetch: bool = True
    collected_by: Literal["device", "host"] = "device"
    host_cores: Count = 1
    compute_units: Count = 16


class CacheOffload(Spec):
    """Tiers of KV cache behind the device's own, from near to far.

    Args:
        host: bytes of host memory for the cache of one device; 0 for none.
        cxl: bytes of CXL memory for the cache of one device; 0 for none.
        storage: bytes of a drive for the cache of one device; 0 for none.
        remote: bytes of a remote store for the cache of one device; 0 for none.
        remote_bandwidth: bytes a second of the network path to the remote store.
        eviction: which entry leaves a full tier.
        bytes_share: stored size over the size in use (compression on the way).
        codec_bandwidth: bytes a second (of the size in use) at which entries are compressed
            and expanded; without it that is free.
        by_layer: start computing a layer as soon as its own part has arrived.
        reload: whether a hit off the device is loaded, or recomputed when that is quicker.
        prefetch: bring what a waiting request needs from further tiers to the nearest one.
    """

    host: PlainBytes = 0.0
    cxl: PlainBytes = 0.0
    storage: PlainBytes = 0.0
    remote: PlainBytes = 0.0
    remote_bandwidth: PlainBandwidth | None = None
    eviction: Literal["lru", "fifo", "priority"] = "lru"
    bytes_share: Annotated[Number, Field(gt=0, le=1)] = 1.0
    codec_bandwidth: PlainBandwidth | None = None
    by_layer: bool = True
    reload: Literal["quicker", "always", "never"] = "quicker"
    prefetch: bool = True

    @model_validator(mode="after")
    def _remote_has_a_path(self) -> "CacheOffload":
        if self.remote and self.remote_bandwidth is None:
            raise ValueError("remote needs remote_bandwidth")
        return self


class Offload(Spec):
    """Everything a deployment keeps off the device.

    Args:
        weights: weights off the device; absent, all are on it.
        tables: looked-up tables (Engram) off the device; absent, all are on it.
        kv: tiers of KV cache behind the device's own; absent, there are none.
        host_memory: bytes of host memory that one device may use; absent, as the hardware file
            has it.
        storage_bandwidth: bytes a second of the drive; absent, as the hardware file has it.
        background: bytes a second that others draw meanwhile from the host link, or from the
            one memory of a machine whose processors share it.
    """

    weights: WeightOffload | None = None
    tables: TableOffload | None = None
    kv: CacheOffload | None = None
    host_memory: PlainBytes | None = None
    storage_bandwidth: PlainBandwidth | None = None
    background: Annotated[float, Unit("bytes/s")] = 0.0

    @property
    def wants_storage(self) -> bool:
        """Whether anything is to lie on a drive, so that there must be one."""
        places = [part.place for part in (self.weights, self.tables) if part is not None]
        cached = self.kv is not None and self.kv.storage > 0
        return self.storage_bandwidth is not None or "storage" in places or cached
