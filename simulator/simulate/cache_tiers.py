"""What a deployment keeps of its KV cache off the device, as the simulation takes it."""

from dataclasses import replace

import numpy as np

from simulator.errors import InputError
from simulator.memory.kvtiers import cache_bytes_by_tier
from simulator.memory.placement import layers_of
from simulator.memory.tiers import memory_system
from simulator.roofline.off_device.transfers import channel
from simulator.serving.replica.limits import EngineLimits
from simulator.serving.replica.lower_tiers import CacheTiers, LowerTier
from simulator.simulate.replica import Replica


def with_cache_tiers(setup: Replica) -> EngineLimits:
    """The limits of one replica, with the tiers that ``offload.kv`` puts behind its cache.

    Raises:
        InputError: prefixes are not kept at all, so that nothing could lie anywhere.
    """
    deployment, limits = setup.deployment, setup.limits
    settings = None if deployment.offload is None else deployment.offload.kv
    sizes = {} if settings is None else cache_bytes_by_tier(settings)
    if settings is None or not sizes:
        return limits
    if not limits.prefix_caching:
        raise InputError(
            f"{setup.profile.name} keeps no prefixes here, so tiers behind the cache stay empty",
            field="deployment.offload.kv",
            remedy="set deployment.prefix_caching: true",
        )
    system = memory_system(setup.hardware, deployment.offload)
    linked = bool(system.links)
    over_link_j = setup.device.power.joules_per_host_byte if linked else 0.0
    tiers = tuple(
        LowerTier(
            name=name,
            capacity_bytes=size * deployment.dp,
            # Host memory is faster than the link before it, which all tiers share.
            channel=None if linked and name == "host" else channel(system, setup.device, name),
            joules_per_byte=system.tiers[name].joules_per_byte + over_link_j,
        )
        for name, size in sizes.items()
    )
    link = channel(system, setup.device, "host") if linked else None
    if link is not None and setup.offload is not None and setup.offload.exposures:
        # Weights or tables cross the link in every step, and a fair link gives each one half.
        link = replace(link, bytes_per_s=link.bytes_per_s / 2)
    per_token = setup.graph.kv_bytes_per_token
    longest = float(limits.max_context)
    whole = float(setup.graph.kv_bytes(np.asarray(longest)))
    spec = CacheTiers(
        tiers=tiers,
        link=link,
        bytes_per_token=per_token,
        bytes_per_load=max(whole - longest * per_token, 0.0),
        layers=layers_of(setup.graph),
        lanes=deployment.dp,
        devices=deployment.devices_per_replica // deployment.dp,
        eviction=settings.eviction,
        bytes_share=settings.bytes_share,
        codec_bytes_per_s=settings.codec_bandwidth,
        by_layer=settings.by_layer,
        reload=settings.reload,
        prefetch=settings.prefetch,
    )
    return replace(limits, lower_tiers=spec)
