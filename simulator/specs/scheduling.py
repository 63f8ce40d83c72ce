"""How requests are scheduled inside a replica, routed between replicas, and lost with one."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.specs.quantity import Number, Spec, Unit, Whole

Steps = Literal["mixed", "prefill-first", "static"]
Interval = Annotated[Whole, Field(ge=0, le=1_000_000)]


class FailureOf(Spec):
    """A replica that goes down, and when.

    Args:
        replica: which one, counted from 0.
        at: time from the start at which it goes down; its requests start over elsewhere.
        restart: time from the start at which it is back; absent, never.
    """

    replica: Annotated[Whole, Field(ge=0)]
    at: Annotated[float, Unit("seconds", high=1e9)]
    restart: Annotated[float, Unit("seconds", high=1e9)] | None = None

    @model_validator(mode="after")
    def _restart_after_failure(self) -> "FailureOf":
        if self.restart is not None and self.restart <= self.at:
            raise ValueError("restart must come after at")
        return self


class Scheduling(Spec):
    """What an engine decides by; absent fields take the engine's default.

    Args:
        steps: prompts share steps with decoding sequences (mixed), have steps of their own
            (prefill-first), or a batch is filled once and runs to its end (static); absent, the
            engine's way.
        whole_prompt_fits: a prompt is admitted only when all of it has room (vLLM since 0.19),
            not its first chunk alone.
        output_reserve: share of its answer for which a request must find room to be admitted:
            0 as vLLM and TensorRT-LLM's max-utilisation, 1 as its guaranteed-no-evict.
        watermark: share of the cache that admission leaves free.
        asynchronous: the next step is put together while one runs, so that a newcomer sits out
            one step more; absent, the engine's way.
        receive_interval: decode steps between two looks at what has arrived (SGLang's
            ``--scheduler-recv-interval``); 0 looks before every step.
        gather_steps: prompts wait for others, up to so many decode steps (TensorRT-LLM's
            ``batch_wait_timeout_iters``).
        gather_share: share of a step's token budget that ends that waiting at once
            (``batch_wait_max_tokens_ratio``).
        balance_steps: with data-parallel attention, prompts wait until there is one for every
            rank, or for a look every so many decode steps (``timeout_iters`` of TensorRT-LLM's
            ``attention_dp_config`` with ``enable_balance``).
        preemption: what a shortage of memory throws out is computed again, or swapped to the
            host over its link.
        router: which replica a request goes to: least-loaded, round-robin, prefix-aware,
            session-sticky, or one of an installed package.
        failures: replicas that go down, and when.
    """

    steps: Steps | None = None
    whole_prompt_fits: bool = True
    output_reserve: Annotated[Number, Field(ge=0, le=1)] | None = None
    watermark: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    asynchronous: bool | None = None
    receive_interval: Interval = 0
    gather_steps: Interval = 0
    gather_share: Annotated[Number, Field(gt=0, le=1)] = 1.0
    balance_steps: Interval = 0
    preemption: Literal["recompute", "swap"] = "recompute"
    router: str = "least-loaded"
    failures: tuple[FailureOf, ...] = ()

    @model_validator(mode="after")
    def _one_reason_to_wait(self) -> "Scheduling":
        ways = ("receive_interval", "gather_steps", "balance_steps")
        given = [name for name in ways if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are different ways to wait: give one")
        return self
