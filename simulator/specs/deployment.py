"""How a model is laid out on devices and served: engine, precision, parallelism, limits."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simulator.specs.offload import Offload
from simulator.specs.parallelism import MOST_DEVICES, Degree, Parallelism
from simulator.specs.quantity import Flag, Number, Unit, Whole
from simulator.specs.scheduling import Scheduling
from simulator.specs.speculation import Speculation

Tokens = Annotated[Whole, Field(ge=1, le=1_000_000_000)]

Sampling = Literal["full", "filtered"]


class ReplicaSpec(Parallelism):
    """One replica: its layout, its engine and the engine's settings.

    What is absent takes the engine's default.

    Args:
        engine: the serving engine: vllm, sglang, trtllm, llamacpp, …; or the YAML file that
            calibrate engine wrote of one's own.
        precision: datatype of the weights: bf16, fp8, w4a16, nvfp4, …; absent, the
            checkpoint's own.
        kv_precision: datatype of the cache: bf16, fp8, int8, …; absent, as the checkpoint names
            it, or those that people serve in the precision asked for.
        max_sequences: sequences that run at once on one data-parallel rank.
        max_batched_tokens: tokens of one step on one data-parallel rank.
        max_context: longest sequence; absent, what the model supports.
        memory_fraction: share of the device's memory that the engine takes.
        captured_tokens: largest step that replays a captured graph, 0 for none (vLLM's
            ``max_cudagraph_capture_size``).
        kv_block_tokens: tokens of one block of the cache.
        kv_blocks: blocks of the cache on one rank; absent, as many as fit.
        chunked_prefill: whether a prompt may be spread over steps.
        prefix_caching: whether blocks that an earlier prompt left are used again.
        speculation: how a step gives more than one token; absent, each gives one.
        server_overhead: time a server adds to each first token beside its queue; 0 for an engine
            in process, without a server's front end.
        sampling: how tokens are drawn: from the whole vocabulary, the likeliest or by
            temperature (full); or from the top-k or top-p alone, as checkpoints for chat ask for
            (filtered), for which some engines sort it.
    """

    engine: Annotated[str, Flag()] = "vllm"
    precision: Annotated[str, Flag()] | None = None
    kv_precision: Annotated[str, Flag()] | None = None
    max_sequences: Annotated[Degree, Flag()] | None = None
    max_batched_tokens: Annotated[Tokens, Flag()] | None = None
    max_context: Annotated[Tokens, Flag()] | None = None
    memory_fraction: Annotated[Number, Field(gt=0, le=1), Flag()] | None = None
    captured_tokens: Annotated[Whole, Field(ge=0, le=1_000_000_000), Flag()] | None = None
    kv_block_tokens: Degree | None = None
    kv_blocks: Tokens | None = None
    chunked_prefill: bool | None = None
    prefix_caching: bool | None = None
    speculation: Speculation | None = None
    server_overhead: Annotated[Number, Field(ge=0), Unit("seconds"), Flag()] | None = None
    sampling: Annotated[Sampling, Flag()] = "full"


class Pool(ReplicaSpec):
    """Replicas that only read prompts, or only answer.

    A field that is absent is as in the deployment around it.

    Args:
        hardware: the devices of this pool; absent, the scenario's.
        replicas: copies of the model in this pool.
    """

    hardware: str | None = None
    replicas: Degree = 1


PoolName = Literal["prefill", "decode"]
Role = Literal["both", "prefill", "decode"]
"""What replicas of a pool do."""


class Deployment(ReplicaSpec):
    """A cluster as a user writes it: equal replicas, or a pool for prompts and one for answers.

    Args:
        devices: all devices of the deployment; together with tp × pp × dp × cp they give the
            number of replicas.
        replicas: independent copies of the model.
        policy: which waiting request a replica admits first: fcfs, shortest-first (prompts),
            shortest-job-first (prompts and answers), priority or slo-aware.
        scheduling: how requests are scheduled, routed and lost.
        offload: weights, tables and cache that lie off the device.
        prefill: the pool that reads prompts, with a layout of its own; with ``decode``.
        decode: the pool that answers, to which caches are sent; with ``prefill``.
    """

    devices: Annotated[Degree, Flag()] | None = None
    replicas: Annotated[Degree, Flag()] = 1
    policy: str = "fcfs"
    scheduling: Scheduling = Scheduling()
    offload: Offload | None = None
    prefill: Pool | None = None
    decode: Pool | None = None

    @property
    def pools(self) -> dict[PoolName, Pool]:
        """The two pools by name; none where all replicas do the same."""
        if self.prefill is None or self.decode is None:
            return {}
        return {"prefill": self.prefill, "decode": self.decode}

    @property
    def total_devices(self) -> int:
        """Devices of the whole deployment, of both pools where it has them."""
        if self.pools:
            return sum(self.pool(name).total_devices for name in self.pools)
        return self.devices_per_replica * self.replicas

    def pool(self, name: PoolName) -> "Deployment":
        """One of the two pools, as a deployment of its own."""
        own = self.pools[name]
        kept = self.model_fields_set - {"prefill", "decode", "devices", "replicas"}
        fields = {field: getattr(self, field) for field in kept}
        given = {field: getattr(own, field) for field in own.model_fields_set - {"hardware"}}
        fields |= {field: value for field, value in given.items() if value is not None}
        return Deployment(**fields)

    @model_validator(mode="after")
    def _devices_match_layout(self) -> Self:
        if self.devices_per_replica * self.replicas > MOST_DEVICES:
            raise ValueError(
                f"tp × pp × dp × cp × replicas is {self.devices_per_replica * self.replicas:,} "
                f"devices; the limit is {MOST_DEVICES:,}"
            )
        if (self.prefill is None) != (self.decode is None):
            raise ValueError("prefill and decode are two pools: give both or neither")
        if self.pools:
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
