"""How one replica is spread over devices: degrees of parallelism, and what goes with them."""

from typing import Annotated, Literal

from pydantic import Field

from simulator.specs.quantity import Flag, Number, Spec, Whole

MOST_DEVICES = 1_000_000
"""Devices of anything that one may ask for: more than any fleet that serves one model."""

Degree = Annotated[Whole, Field(ge=1, le=MOST_DEVICES)]
ExchangeModes = Literal["auto", "all_gather", "normal", "low_latency"]


class Parallelism(Spec):
    """One replica's layout; it takes tp × cp × dp × pp devices, nested in that order.

    Args:
        tp: tensor parallelism: ranks that share every layer.
        pp: pipeline parallelism: stages that layers are divided among.
        dp: data-parallel attention: ranks with sequences of their own that meet in the experts.
        ep: expert parallelism: devices over which whole experts are spread, within
            tp × cp × dp. An ep beyond tp × cp raises a dp of 1 to match.
        cp: context parallelism: ranks that share the tokens of long sequences.
        dcp: of the tp ranks, those that share a sequence's cache by tokens.
        stage_layers: layers of each pipeline stage, where they are uneven.
        expert_exchange: gather all tokens everywhere, send each once to every rank (normal) or
            to every expert (low_latency); absent, the engine's default.
        redundant_experts: further copies of popular experts in each layer.
        expert_skew: Zipf exponent of the experts' popularity; absent, the model's own.
        sequence_parallel: norms on a part of the rows on each tensor-parallel rank.
        two_batch_overlap: half batches that compute and communicate in turns.
    """

    tp: Annotated[Degree, Flag()] = 1
    pp: Annotated[Degree, Flag()] = 1
    ep: Annotated[Degree, Flag()] = 1
    dp: Annotated[Degree, Flag()] = 1
    cp: Annotated[Degree, Flag()] = 1
    dcp: Annotated[Degree, Flag()] = 1
    stage_layers: tuple[Degree, ...] | None = None
    expert_exchange: ExchangeModes | None = None
    redundant_experts: Annotated[Whole, Field(ge=0, le=1_000_000)] = 0
    expert_skew: Annotated[Number, Field(ge=0, le=20)] | None = None
    sequence_parallel: bool = False
    two_batch_overlap: bool = False

    @property
    def devices_per_replica(self) -> int:
        """Devices that hold one copy of the model."""
        return self.tp * self.pp * self.dp * self.cp

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

    @property
    def degrees(self) -> str:
        """The degrees above one, in words: ``tp 4 × dp 2``."""
        names = ("tp", "pp", "dp", "ep", "cp", "dcp")
        parts = [f"{name} {degree}" for name in names if (degree := getattr(self, name)) > 1]
        return " × ".join(parts)
