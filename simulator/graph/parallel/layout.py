"""How one replica is spread over devices, with what its engine does beside."""

from simulator.specs.parallelism import Parallelism


class Layout(Parallelism):
    """The parallelism of one replica, and its engine's own ways.

    Args:
        fused_all_reduce: the engine's all-reduce kernel adds the residual and normalises too.
        balanced_prefill: ranks under dp prefill together, each its even share.
    """

    fused_all_reduce: bool = False
    balanced_prefill: bool = False

    def __str__(self) -> str:
        return self.degrees or "one device"
