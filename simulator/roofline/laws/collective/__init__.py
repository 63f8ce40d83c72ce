"""Collective communication: seconds of a message over a fabric, by algorithm."""

from simulator.roofline.laws.collective.constants import Link, LinkCalibration, Protocol
from simulator.roofline.laws.collective.experts import (
    BF16_BYTES,
    FP8_BLOCK_BYTES,
    ExchangeMode,
    expert_exchange_s,
)
from simulator.roofline.laws.collective.fabric import Fabric, FabricKind
from simulator.roofline.laws.collective.formula import all_to_all_s, send_receive_s
from simulator.roofline.laws.collective.hierarchy import (
    hierarchical_all_gather_s,
    hierarchical_all_reduce_s,
    hierarchical_all_to_all_s,
    hierarchical_reduce_scatter_s,
)
from simulator.roofline.laws.collective.menu import (
    ANY,
    NCCL,
    SCALE_OUT,
    VLLM_AMPERE,
    VLLM_BLACKWELL,
    VLLM_HOPPER,
    Algorithm,
    AllReduceMenu,
    CustomAllReduce,
    all_gather_s,
    all_reduce_s,
    reduce_scatter_s,
)

__all__ = [
    "ANY",
    "BF16_BYTES",
    "FP8_BLOCK_BYTES",
    "NCCL",
    "SCALE_OUT",
    "VLLM_AMPERE",
    "VLLM_BLACKWELL",
    "VLLM_HOPPER",
    "Algorithm",
    "AllReduceMenu",
    "CustomAllReduce",
    "ExchangeMode",
    "Fabric",
    "FabricKind",
    "Link",
    "LinkCalibration",
    "Protocol",
    "all_gather_s",
    "all_reduce_s",
    "all_to_all_s",
    "expert_exchange_s",
    "hierarchical_all_gather_s",
    "hierarchical_all_reduce_s",
    "hierarchical_all_to_all_s",
    "hierarchical_reduce_scatter_s",
    "reduce_scatter_s",
    "send_receive_s",
]
