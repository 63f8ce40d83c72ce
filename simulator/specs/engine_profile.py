"""What a serving engine (vLLM, SGLang, TensorRT-LLM, …) adds to the device's own time."""

from collections.abc import Collection
from datetime import date
from typing import Literal

from pydantic import Field, field_validator, model_validator

from simulator.specs.hardware import DeviceClass
from simulator.specs.link_class import known_class, widened
from simulator.specs.parallelism import ExchangeModes
from simulator.specs.quantity import (
    Bytes,
    BytesPerSecond,
    Fraction,
    Number,
    Quantity,
    Seconds,
    Spec,
    Whole,
)

Scheduling = Literal["mixed", "prefill-first", "static"]
MemoryRule = Literal["of-total", "of-free-after-weights", "static-of-total"]


class TokenBudget(Spec):
    """Default scheduler limits on devices with at least ``device_memory`` bytes.

    ``activation_reserve`` is what steps within these limits take, where not the profile's.
    """

    device_memory: Bytes
    activation_reserve: Bytes | None = None
    max_batched_tokens: Whole = Field(gt=0)
    max_sequences: Whole = Field(gt=0)


class MessageRule(Spec):
    """Messages that one kernel of an engine takes, by how many devices are in the group.

    ``below`` is the size from which it takes none, ``up_to`` the largest that it takes; a group
    that is not named is not served.
    """

    kernel: str
    below: dict[int, Bytes] = {}
    up_to: dict[int, Bytes] = {}

    @model_validator(mode="after")
    def _one_limit(self) -> "MessageRule":
        if bool(self.below) == bool(self.up_to):
            raise ValueError("give either below or up_to")
        return self


class AllReduce(Spec):
    """All-reduces of an engine on one class of links.

    ``library``: algorithms among which the communication library takes the fastest. ``own``: the
    engine's kernels in front of it; the first rule that fits a message takes it.
    """

    library: list[str] = Field(min_length=1)
    own: list[MessageRule] = []


OTHER_LINKS = "other"
"""Stands for every class of links that a menu does not name."""


class AllReduces(Spec):
    """All-reduces of an engine.

    ``scale_up``: among the nearest devices, by class of their link (``nvlink.4`` before
    ``nvlink`` before ``other``). ``scale_out``: between such domains.
    """

    scale_up: dict[str, AllReduce]
    scale_out: AllReduce

    @field_validator("scale_up")
    @classmethod
    def _classes_exist(cls, menus: dict[str, AllReduce]) -> dict[str, AllReduce]:
        if OTHER_LINKS not in menus:
            raise ValueError(f"say under {OTHER_LINKS} what runs on links that are not named")
        for name in menus.keys() - {OTHER_LINKS}:
            known_class(name, "link_classes")
        return menus

    def on(self, link_class: str) -> AllReduce:
        """The menu on links of a class."""
        found = (self.scale_up[name] for name in widened(link_class) if name in self.scale_up)
        return next(found, self.scale_up[OTHER_LINKS])


class FrontEnd(Spec):
    """What a request takes of a server's front end, which serves one after another.

    ``request``: of every request (HTTP, its message to the engine). ``token``: of each token of
    its prompt (tokenising).
    """

    request: Seconds
    token: Seconds


class EngineProfile(Spec):
    """One serving engine: its overheads, memory rule and scheduler defaults.

    Args:
        version: the releases that it tells of.
        as_of: the day of the newest of them: devices are as they were measured with software of
            that time.
        base: the profile of another release, of which this one states what differs.
        step_overhead: host time that every step adds (scheduling, sampling, detokenising) and
            that the device waits for.
        sequence_overhead: the part of it that each running sequence adds.
        draft_pass: host time that each pass of what drafts adds; 0 where all passes of a step are
            one captured graph.
        request_overhead: time from a request's arrival until the scheduler sees it, plus the
            way back of its first token; added to TTFT, occupies no device.
        kernel_launch: host time to launch one kernel outside a captured graph.
        server_overhead: what a server adds to TTFT beside that, whatever others ask: the way
            there and the first message back; only where requests are served.
        group_overhead: the same again where several devices serve a replica, whose processes
            agree on each newcomer first.
        front_end: what each request takes of the server's front end, one after another.
        start_share: of a law's calibrated time to start a kernel, the part that the engine does
            not hide by fusing or by overlapping launches.
        kernel_gap: time the device waits between two kernels, by class of device.
        prompt_layer_start: time in which each layer's program for prompts is set up, once for
            every step that has any, however short they are.
        compute_share, bandwidth_share: what the engine's kernels reach of a device's calibrated
            rates, by class of device; absent classes reach all of it.
        bandwidth_limit: most bytes a second that its products keep in flight on any device.
        precisions: how it stores what users call by a shorter name.
        precisions_on: as what it computes a precision on devices that compute in a datatype, by
            that datatype.
        caches: what the checkpoints that people serve with it in a precision name for the cache;
            it counts where the precision is asked for, and the model's own where it is absent.
        casts: the datatype to which it brings a checkpoint's own, unless another is asked for.
        kernels: kernel families of its own, law by law, on GPUs.
        filter_bytes: what it moves for each entry of the vocabulary, on each device, where tokens
            are drawn from the top-k or top-p alone; 0 where that costs no pass of its own.
        captured_tokens: largest step that replays a captured graph; 0 when none is captured.
        captures: what ``captured_tokens`` counts, where sequences have several tokens of a step.
        attention_launches: what the host launches for each attention call of a captured step
            with prompts, whose attention runs between pieces of the graph.
        communication_overlap: share of collectives' time hidden behind compute.
        all_reduce: which all-reduces run for which messages; or the name of the engine whose
            all-reduces it has.
        fused_all_reduce: the all-reduce kernel also adds the residual and applies the norm.
        expert_exchange: how tokens reach experts under data-parallel attention within a node;
            wider groups take the fastest way.
        balanced_prefill: data-parallel ranks wait for each other's prompts and prefill together.
        memory_fraction, memory_rule: how much memory the engine takes and of what
            (vLLM: of the total, weights and activations included; TensorRT-LLM: of what is
            free after the weights; SGLang: a static pool of weights and KV).
        asynchronous: whether it puts the next step together while one runs.
        output_reserve: share of its answer for which a request must find room to be admitted:
            TensorRT-LLM's guaranteed-no-evict finds room for all of it, SGLang for the share
            that its ``new_token_ratio`` settles at, vLLM for none.
        residual: the overheads' own relative error, one standard deviation.
        unlike: relative error of every step beside that: what versions and settings of the
            engine differ by.
        serving: relative errors that serving adds: ``tpot`` to the time of every step, beside
            the step's own; ``ttft`` to the time until the first token, beside what the queue
            makes of the steps' errors. Chosen so that 80 % of the points that may be fitted lie
            within the whole interval.
        unset: what both err by beside that where nobody says how the server was set up, which
            its step budget stands for.
    """

    name: str
    title: str
    source: str
    version: str
    as_of: date
    base: str | None = None
    step_overhead: Seconds
    sequence_overhead: Seconds
    draft_pass: Seconds = Quantity(value=0.0)
    request_overhead: Seconds
    server_overhead: Seconds = Quantity(value=0.0)
    group_overhead: Seconds = Quantity(value=0.0)
    front_end: FrontEnd | None = None
    kernel_launch: Seconds
    start_share: dict[Literal["matmul", "elementwise", "attention", "experts"], Fraction] = {}
    kernel_gap: dict[DeviceClass, Seconds] = {}
    prompt_layer_start: Seconds = Quantity(value=0.0)
    compute_share: dict[DeviceClass, Fraction] = {}
    bandwidth_share: dict[DeviceClass, Fraction] = {}
    bandwidth_limit: BytesPerSecond | None = None
    precisions: dict[str, str] = {}
    precisions_on: dict[str, dict[str, str]] = {}
    caches: dict[str, str] = {}
    casts: dict[str, str] = {}
    kernels: dict[str, str] = {}
    filter_bytes: Bytes = Quantity(value=0.0)
    captured_tokens: Whole = Field(ge=0)
    captures: Literal["tokens", "sequences"] = "tokens"
    attention_launches: Whole = Field(default=0, ge=0)
    communication_overlap: Fraction
    all_reduce: AllReduces
    fused_all_reduce: bool = False
    expert_exchange: ExchangeModes = "auto"
    balanced_prefill: bool = False
    memory_fraction: Fraction
    memory_rule: MemoryRule
    activation_reserve: Bytes
    kv_block_tokens: Whole = Field(gt=0)
    scheduling: Scheduling
    asynchronous: bool = False
    chunked_prefill: bool
    prefix_caching: bool
    output_reserve: Number = Field(default=0.0, ge=0, le=1)
    budgets: list[TokenBudget] = Field(min_length=1)
    residual: Fraction = Quantity(value=0.1)
    unlike: Fraction = Quantity(value=0.05)
    serving: dict[Literal["tpot", "ttft"], Fraction] = {}
    unset: dict[Literal["tpot", "ttft"], Fraction] = {}

    @model_validator(mode="after")
    def _sure_of_every_number(self) -> "EngineProfile":
        for name, value in self:
            if isinstance(value, Quantity) and (value.low, value.high) != (None, None):
                raise ValueError(f"{name} has no interval; residual says how far overheads err")
        return self

    def stored_as(self, name: str, datatypes: Collection[str]) -> str:
        """The precision that runs where ``name`` is asked for, on a device with ``datatypes``."""
        stored = self.precisions.get(name, name)
        found = [
            on[stored] for d, on in self.precisions_on.items() if d in datatypes and stored in on
        ]
        return found[0] if found else stored

    def reserve_bytes(self, device_memory_bytes: float) -> float:
        """Memory that the largest step of the engine's default limits takes on such a device."""
        own = self.budget_for(device_memory_bytes).activation_reserve
        return float(self.activation_reserve if own is None else own)

    def budget_for(self, device_memory_bytes: float) -> TokenBudget:
        """The scheduler limits that the engine picks on a device of that much memory."""
        fitting = [b for b in self.budgets if b.device_memory.value <= device_memory_bytes]
        ordered = sorted(fitting or self.budgets, key=lambda b: b.device_memory.value)
        return ordered[-1] if fitting else ordered[0]
