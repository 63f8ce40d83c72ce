"""Which all-reduce kernels a serving engine has on a link, and which links a group spans."""

from dataclasses import replace

from simulator.roofline.laws.collective.constants import Link
from simulator.roofline.laws.collective.fabric import FabricKind
from simulator.roofline.laws.collective.kernels import (
    ANY,
    NCCL,
    VLLM_AMPERE,
    VLLM_BLACKWELL,
    VLLM_HOPPER,
    AllReduceMenu,
)

_VLLM_BY_NVLINK = {"nvlink 3": VLLM_AMPERE, "nvlink 4": VLLM_HOPPER, "nvlink 5": VLLM_BLACKWELL}


def menu_for(engine: str, technology: str) -> AllReduceMenu:
    """All-reduce kernels of ``engine`` on devices linked by ``technology``.

    vLLM has tables by device generation; SGLang ships vLLM's first custom kernels with their
    one limit for every generation. TensorRT-LLM picks the fastest of its own kernels and the
    library's (``AllReduceStrategy.AUTO``), which is also what is assumed of engines and links
    whose rules are not known. Over PCIe both fall back to the library.
    """
    link = technology.lower()
    if "nvlink" not in link:
        return NCCL if "pcie" in link else ANY
    if engine == "sglang":
        return VLLM_AMPERE
    if engine == "vllm":
        return next((menu for name, menu in _VLLM_BY_NVLINK.items() if name in link), VLLM_AMPERE)
    return ANY


def spanned(levels: tuple[Link, ...], stride: int) -> tuple[Link, ...]:
    """The levels as groups see them whose members are ``stride`` devices apart.

    A domain of 8 holds two neighbours four apart, and none eight apart: such groups communicate
    over the next level alone. Links within a torus or grid are taken as for adjacent members.
    """
    if stride == 1 or not levels:
        return levels
    inner, *outer = levels
    reach = inner.fabric.devices // stride
    if reach <= 1 and outer:
        return spanned(tuple(outer), max(1, stride // inner.fabric.devices))
    if inner.fabric.kind in (FabricKind.TORUS, FabricKind.GRID):
        return levels
    fabric = replace(inner.fabric, devices=max(1, reach))
    return (replace(inner, fabric=fabric), *outer)


def crossings(boundaries: int, stride: int, domain: int) -> int:
    """How many of ``boundaries`` between blocks of ``stride`` devices lie between domains.

    Block i hands over to block i + 1; the boundary crosses when some device of it and its
    counterpart, ``stride`` further, are in different domains.
    """
    if stride >= domain:
        return boundaries
    return sum(
        (block * stride) // domain != ((block + 2) * stride - 1) // domain
        for block in range(boundaries)
    )
