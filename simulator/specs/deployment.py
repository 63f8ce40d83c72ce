"""How a model is laid out on devices and served: engine, precision, parallelism, limits."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.specs.offload import Offload
from simulator.specs.quantity import Spec
from simulator.specs.scheduling import Scheduling

Degree = Annotated[int, Field(ge=1)]
ExpertExchange = Literal["auto", "all_gather", "normal", "low_latency"]


class PoolLayout(Spec):
    """Replicas that only read prompts, or only answer: what they do otherwise than the rest.

    A field that is absent is as in the deployment around it; ``hardware`` as in the scenario.
    """

    hardware: str | None = None
    replicas: Degree = 1
    tp: Degree | None = None
    pp: Degree | None = None
    ep: Degree | None = None
    dp: Degree | None = None
    cp: Degree | None = None
    dcp: Degree | None = None
    precision: str | None = None
    max_sequences: Degree | None = None
    max_batched_tokens: Degree | None = None
    memory_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    two_batch_overlap: bool | None = None
    redundant_experts: Annotated[int, Field(ge=0)] | None = None


class Deployment(Spec):
    """One replica's layout and the engine's settings; what is absent takes the engine's default.

    ``devices`` counts all devices of the deployment; together with ``tp`` × ``pp`` × ``dp`` ×
    ``cp`` it gives the number of independent replicas.

    Args:
        tp, pp: tensor and pipeline parallelism.
        dp: ranks with attention and sequences of their own that meet in the experts.
        ep: devices over which whole experts are spread, within tp × cp × dp. An ep beyond
            tp × cp raises a dp of 1 to match.
        cp: ranks that share the tokens of long sequences.
        dcp: of the tp ranks, those that share a sequence's cache by tokens.
        stage_layers: layers of each pipeline stage, where they are uneven.
        expert_exchange: gather all tokens everywhere, send each once to every rank (normal) or
            to every expert (low_latency); absent, the engine's default.
        redundant_experts: further copies of popular experts in each layer.
        expert_skew: Zipf exponent of the experts' popularity; absent, the model's own.
        sequence_parallel: norms on a part of the rows on each tensor-parallel rank.
        two_batch_overlap: half batches that compute and communicate in turns.
        prefill, decode: pools with layouts of their own for prompts and for answers, between
            which caches are sent; both or neither.
        captured_tokens: largest step that replays a captured graph, 0 for none (vLLM's
            ``max_cudagraph_capture_size``).
        offload: weights, tables and cache that lie off the device.
    """

    engine: str = "vllm"
    precision: str | None = None
    kv_precision: str | None = None
    tp: Degree = 1
    pp: Degree = 1
    ep: Degree = 1
    dp: Degree = 1
    cp: Degree = 1
    dcp: Degree = 1
    stage_layers: tuple[Degree, ...] | None = None
    expert_exchange: ExpertExchange | None = None
    redundant_experts: Annotated[int, Field(ge=0)] = 0
    expert_skew: Annotated[float, Field(ge=0)] | None = None
    sequence_parallel: bool = False
    two_batch_overlap: bool = False
    devices: Degree | None = None
    replicas: Degree = 1
    max_sequences: Degree | None = None
    max_batched_tokens: Degree | None = None
    max_context: Degree | None = None
    memory_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    captured_tokens: Annotated[int, Field(ge=0)] | None = None
    kv_block_tokens: Degree | None = None
    kv_blocks: Degree | None = None
    chunked_prefill: bool | None = None
    prefix_caching: bool | None = None
    policy: str = "fcfs"
    scheduling: Scheduling = Scheduling()
    offload: Offload | None = None
    prefill: PoolLayout | None = None
    decode: PoolLayout | None = None

    @property
    def devices_per_replica(self) -> int:
        """Devices that hold one copy of the model."""
        return self.tp * self.pp * self.dp * self.cp

    @property
    def total_devices(self) -> int:
        """Devices of the whole deployment, of both pools where it has them."""
        if self.prefill is not None:
            return self.pool("prefill").total_devices + self.pool("decode").total_devices
        return self.devices_per_replica * self.replicas

    def pool(self, name: Literal["prefill", "decode"]) -> "Deployment":
        """One of the two pools, as a deployment of its own."""
        own = self.prefill if name == "prefill" else self.decode
        if own is None:
            raise ValueError(f"the deployment has no pool {name!r}")
        kept = self.model_fields_set - {"prefill", "decode", "devices", "replicas"}
        fields = {field: getattr(self, field) for field in kept}
        given = {field: getattr(own, field) for field in own.model_fields_set - {"hardware"}}
        fields |= {field: value for field, value in given.items() if value is not None}
        return Deployment(**fields)

    @model_validator(mode="after")
    def _devices_match_layout(self) -> "Deployment":
        if (self.prefill is None) != (self.decode is None):
            raise ValueError("prefill and decode are two pools: give both or neither")
        if self.prefill is not None:
            if self.devices not in (None, self.total_devices):
                raise ValueError(
                    f"devices ({self.devices}) are not those of the pools ({self.total_devices})"
                )
            return self
        self._complete_dp()
        if self.devices is None:
            return self
        if self.devices % self.devices_per_replica:
            raise ValueError(
                f"devices ({self.devices}) is not a multiple of tp × pp × dp × cp "
                f"({self.devices_per_replica})"
            )
        whole = self.devices // self.devices_per_replica
        if self.replicas not in (1, whole):
            raise ValueError(
                f"devices ({self.devices}) holds {whole} replicas of tp × pp × dp × cp "
                f"({self.devices_per_replica}), but replicas says {self.replicas}"
            )
        self._set("replicas", whole)
        return self

    def _complete_dp(self) -> None:
        """Bring tp, dp and ep together as the serving engines' own flags leave them."""
        beside = self.tp * self.cp
        if self.dp == 1 and self.ep > beside and self.ep % beside == 0:
            self._set("dp", self.ep // beside)
        # SGLang and TensorRT-LLM count attention's data-parallel ranks inside tp.
        within = self.devices is not None and self.devices == self.tp * self.pp * self.cp
        if self.dp > 1 and within and self.tp % self.dp == 0:
            self._set("tp", self.tp // self.dp)

    def _set(self, field: str, value: int) -> None:
        # Keeps two spellings of one fact in step; the object is frozen for everybody else.
        object.__setattr__(self, field, value)
