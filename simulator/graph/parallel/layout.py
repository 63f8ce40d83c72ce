"""How one replica is spread over devices: degrees, stages, and how experts are reached."""

from dataclasses import dataclass
from typing import get_args

from simulator.graph.operator import ExchangeModes

EXPERT_EXCHANGES: tuple[str, ...] = get_args(ExchangeModes)


@dataclass(frozen=True, slots=True)
class Layout:
    """The degrees of one replica; it occupies ``tp × cp × dp × pp`` devices, nested in that order.

    Args:
        tp: ranks that share every layer's heads, MLP width and vocabulary.
        pp: stages that hold the layers one after another.
        dp: ranks that each run attention and dense layers for their own sequences, and meet in
            the experts.
        ep: devices over which whole experts are spread; what remains of tp × cp × dp cuts each
            expert's width. 1 cuts all experts over all devices.
        cp: ranks that share the tokens of long sequences, in prefill and in the cache.
        dcp: of the tp ranks, those that share a sequence's cache by tokens where there are
            fewer KV heads than ranks (decode context parallelism).
        stage_layers: layers of each stage; even, the first ones fuller, where absent.
        expert_exchange: how tokens reach experts under dp (see ``ExpertExchange``).
        redundant_experts: further copies of popular experts in each layer.
        skew: Zipf exponent of the experts' popularity where the model's own is not meant.
        sequence_parallel: norms and residuals on 1/tp of the rows, with reduce-scatter and
            all-gather in the place of each all-reduce (arXiv:2205.05198).
        fused_all_reduce: the engine's all-reduce kernel adds the residual and normalises too.
        balanced_prefill: ranks under dp prefill together, each its even share.
        two_batch_overlap: two half batches take turns, so that one computes while the other's
            tokens travel to their experts.
    """

    tp: int = 1
    pp: int = 1
    dp: int = 1
    ep: int = 1
    cp: int = 1
    dcp: int = 1
    stage_layers: tuple[int, ...] | None = None
    expert_exchange: ExchangeModes = "auto"
    redundant_experts: int = 0
    skew: float | None = None
    sequence_parallel: bool = False
    fused_all_reduce: bool = False
    balanced_prefill: bool = False
    two_batch_overlap: bool = False

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return self.tp * self.cp * self.dp * self.pp

    @property
    def stage_devices(self) -> int:
        """Devices of one pipeline stage: those over which its experts are spread."""
        return self.tp * self.cp * self.dp

    @property
    def batch_ways(self) -> int:
        """Ranks among which the rows of a step are shared before the experts."""
        return self.cp * self.dp

    @property
    def cache_ways(self) -> int:
        """Devices over which the cache of one sequence is spread by tokens."""
        return self.cp * self.dcp

    @property
    def is_whole(self) -> bool:
        """Whether every device of the replica does the same work at the same time."""
        return self.batch_ways * self.pp == 1 and not self.two_batch_overlap

    def stages(self, layers: int) -> tuple[int, ...]:
        """Layers of each stage, the fuller ones first unless ``stage_layers`` says otherwise."""
        if self.stage_layers is not None:
            return self.stage_layers
        even, rest = divmod(layers, self.pp)
        return tuple(even + (i < rest) for i in range(self.pp))

    def __str__(self) -> str:
        degrees = ("tp", "pp", "dp", "ep", "cp", "dcp")
        parts = [f"{name} {getattr(self, name)}" for name in degrees if getattr(self, name) > 1]
        return " × ".join(parts) or "one device"
