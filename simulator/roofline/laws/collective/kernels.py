"""Which all-reduce kernels may run: a library's algorithms, and an engine's own by written rules.

Facts about software: rules of size and group that stand in an engine's source.
"""

from dataclasses import dataclass
from enum import StrEnum

KIB = 1024
MIB = 1024 * KIB

BytesByGroup = tuple[tuple[int, int], ...]


class Algorithm(StrEnum):
    """Algorithms a library may choose from for all-reduce."""

    RING = "ring"
    TREE = "tree"
    ONE_SHOT = "one_shot"
    TWO_SHOT = "two_shot"
    IN_NETWORK = "in_network"


@dataclass(frozen=True, slots=True)
class CustomAllReduce:
    """An engine's own all-reduce kernels and the messages they take from the library.

    ``custom_below_bytes``: (group, limit) pairs for the peer-reading kernels.
    ``one_shot_below_bytes``: where they read everything in one go; above, two.
    ``staged_up_to_bytes``: (group, limit) for the registered-buffer kernel above that.
    ``staged_in_switch_groups``: groups for which that kernel reduces inside the switch.
    """

    custom_below_bytes: BytesByGroup
    one_shot_below_bytes: BytesByGroup
    staged_up_to_bytes: BytesByGroup = ()
    staged_in_switch_groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AllReduceMenu:
    """What may run: the library's algorithms, and an engine's kernels in front of them."""

    library: tuple[Algorithm, ...] = (Algorithm.RING, Algorithm.IN_NETWORK)
    custom: CustomAllReduce | None = None


_UNLIMITED = 1 << 62
_ONE_SHOT = ((2, _UNLIMITED), (4, 512 * KIB), (6, 256 * KIB), (8, 256 * KIB))
"""vLLM csrc/custom_all_reduce.cuh: the switch from one to two stages on fully linked devices."""
NCCL = AllReduceMenu()
"""Inside one NVLink domain NCCL's tree is a chain, so only rings and NVLS compete."""
SCALE_OUT = AllReduceMenu((Algorithm.RING, Algorithm.TREE, Algorithm.IN_NETWORK))
"""Between nodes trees compete too."""
ANY = AllReduceMenu(tuple(Algorithm))
"""The best of all algorithms, for devices whose library is not known."""
VLLM_AMPERE = AllReduceMenu(
    custom=CustomAllReduce(tuple((n, 8 * MIB) for n in (2, 4, 6, 8)), _ONE_SHOT)
)
"""vLLM vllm/distributed/device_communicators/custom_all_reduce.py: 8 MiB by default."""
VLLM_HOPPER = AllReduceMenu(
    custom=CustomAllReduce(
        ((2, 8 * MIB), (4, 8 * MIB), (6, 512 * KIB), (8, 256 * KIB)),
        _ONE_SHOT,
        ((2, 64 * MIB), (4, 32 * MIB), (6, 64 * MIB), (8, 64 * MIB)),
        (4, 6, 8),
    )
)
"""vLLM all_reduce_utils.py, compute capability 9.0, with custom limits cut to the 8 MiB default.
The staged limit is inclusive, as in current sources; older copies of symm_mem.py exclude it.
"""
VLLM_BLACKWELL = AllReduceMenu(
    custom=CustomAllReduce(
        ((2, 2 * MIB), (4, 2 * MIB), (6, MIB), (8, MIB)),
        _ONE_SHOT,
        ((2, 8 * MIB), (4, 32 * MIB), (6, 128 * MIB), (8, 128 * MIB)),
        (6, 8),
    )
)
"""The same table for compute capability 10.0."""
