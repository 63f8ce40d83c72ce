"""How a model is laid out on devices and served: engine, precision, parallelism, limits."""

from typing import Annotated

from pydantic import Field, model_validator

from simulator.specs.quantity import Spec

Degree = Annotated[int, Field(ge=1)]


class Deployment(Spec):
    """One replica's layout and the engine's settings; what is absent takes the engine's default.

    ``devices`` counts all devices of the deployment; together with ``tp`` × ``pp`` × ``dp`` it
    gives the number of independent replicas.
    """

    engine: str = "vllm"
    precision: str | None = None
    kv_precision: str | None = None
    tp: Degree = 1
    pp: Degree = 1
    ep: Degree = 1
    dp: Degree = 1
    devices: Degree | None = None
    replicas: Degree = 1
    max_sequences: Degree | None = None
    max_batched_tokens: Degree | None = None
    max_context: Degree | None = None
    memory_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    kv_block_tokens: Degree | None = None
    kv_blocks: Degree | None = None
    chunked_prefill: bool | None = None
    prefix_caching: bool | None = None
    policy: str = "fcfs"

    @property
    def devices_per_replica(self) -> int:
        """Devices that hold one copy of the model."""
        return self.tp * self.pp * self.dp

    @property
    def total_devices(self) -> int:
        """Devices of the whole deployment."""
        return self.devices_per_replica * self.replicas

    @model_validator(mode="after")
    def _devices_match_layout(self) -> "Deployment":
        if self.devices is None:
            return self
        if self.devices % self.devices_per_replica:
            raise ValueError(
                f"devices ({self.devices}) is not a multiple of tp × pp × dp "
                f"({self.devices_per_replica})"
            )
        whole = self.devices // self.devices_per_replica
        if self.replicas not in (1, whole):
            raise ValueError(
                f"devices ({self.devices}) holds {whole} replicas of tp × pp × dp "
                f"({self.devices_per_replica}), but replicas says {self.replicas}"
            )
        # Keep the two spellings of one fact in step; the object is frozen for everybody else.
        object.__setattr__(self, "replicas", whole)
        return self
