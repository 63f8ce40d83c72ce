"""What a deployment makes of a checkpoint: how weights and cache are stored once it serves."""

from collections.abc import Collection
from dataclasses import dataclass

from simulator.graph.build import Graph, build, own_cache_format
from simulator.specs.deployment import Deployment
from simulator.specs.engine_profile import EngineProfile
from simulator.specs.model import Model
from simulator.units import humane, significant

_UNQUANTISED = ("bf16", "fp16", "fp32")
_TELLING = 0.03
"""Relative difference of counted from stored bytes above which something is not understood."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The precision of weights and cache, and what a user should hear of how they came about."""

    precision: str
    kv_precision: str
    remarks: tuple[str, ...]


def storage_of(
    model: Model, deployment: Deployment, profile: EngineProfile, datatypes: Collection[str]
) -> Storage:
    """What is asked for; else what the checkpoint names, as the engine loads it.

    ``datatypes`` are those in which the device computes.
    """
    own = model.weight_precision
    remarks = []
    name = deployment.precision or profile.casts.get(own, own)
    if deployment.precision is None and name != own:
        remarks.append(f"the checkpoint is in {own}, which {profile.title} serves in {name}")
    elif name != own and own not in _UNQUANTISED:
        remarks.append(f"weights in {name} as asked; the checkpoint stores them in {own}")
    cache = deployment.kv_precision or model.cache_precision
    if cache is not None and deployment.kv_precision is None:
        remarks.append(f"cache in {cache}, as the checkpoint names it")
    stored, kept = profile.stored_as(name, datatypes), own_cache_format(model)
    if name not in profile.precisions and stored != name:
        remarks.append(f"{profile.title} computes {name} as {stored} on this device")
    # A checkpoint says for itself; a precision asked for stands for those that people serve.
    usual = None if deployment.precision is None else profile.caches.get(stored)
    if cache is None and usual is not None and kept in _UNQUANTISED:
        cache = usual
        remarks.append(
            f"cache in {cache}, as checkpoints in {stored} that {profile.title} serves name it; "
            "kv_precision chooses another"
        )
    return Storage(stored, cache or kept, tuple(remarks))


def remarks_on_size(model: Model, graph: Graph) -> tuple[str, ...]:
    """What weights take beside the decoder, and beside what the checkpoint holds in files."""
    found = []
    if graph.encoder_bytes:
        found.append(f"weights include its vision encoder, {humane(graph.encoder_bytes, 'B')}")
    if model.stored_bytes is not None:
        whole = build(model)
        counted = whole.weight_bytes + whole.table_bytes
        off = counted / model.stored_bytes - 1
        told = (
            f"{humane(counted, 'B')} of weights counted from the shapes, "
            f"{humane(model.stored_bytes, 'B')} in the checkpoint's files"
        )
        if abs(off) > _TELLING:
            told += f" ({significant(100 * off)} %: some tensors are stored otherwise, or not read)"
        found.append(told)
    return tuple(found)
