"""What bounds a serving engine: its settings with every default filled in, and what follows."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.serving.traffic.front_end_time import FrontEndTime
from simulator.specs.deployment import ReplicaSpec
from simulator.specs.scheduling import Scheduling

if TYPE_CHECKING:
    from simulator.serving.replica.door import Rule
    from simulator.serving.replica.lower_tiers import CacheTiers


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What bounds a step and the cache, and how the engine behaves at those bounds.

    Args:
        replica: the settings as a deployment has them, none left open; each data-parallel rank
            schedules for itself, within bounds and a cache of its own.
        scheduling: the options as a deployment has them, none left open.
        front_end: what a request takes of the server's front end, one after another; None for
            an engine in process.
        request_overhead_s: from there to the scheduler, and back with the first token.
        swap_s_per_block: seconds to move a block to the host or back; None recomputes what a
            shortage of memory threw out.
        admission: for how long newcomers are left outside while the batch decodes; None lets
            them in before the next step.
        lower_tiers: where prefixes go that the device evicts; None drops them.

    What follows from them is worked out once, since steps ask for it:

    - ``max_sequences``, ``max_batched_tokens``, ``kv_blocks``: of all ``ranks`` together;
    - ``watermark_blocks``: blocks that admission leaves free;
    - ``schedule_ahead``: the next step is put together while one runs, so a newcomer sits out
      one step more.
    """

    replica: ReplicaSpec
    scheduling: Scheduling
    front_end: FrontEndTime | None = None
    request_overhead_s: float = 0.0
    swap_s_per_block: float | None = None
    admission: "Rule | None" = None
    lower_tiers: "CacheTiers | None" = None
    ranks: int = field(init=False)
    max_sequences: int = field(init=False)
    max_batched_tokens: int = field(init=False)
    max_context: int = field(init=False)
    kv_blocks: int = field(init=False)
    kv_block_tokens: int = field(init=False)
    chunked_prefill: bool = field(init=False)
    prefix_caching: bool = field(init=False)
    whole_prompt_fits: bool = field(init=False)
    output_reserve: float = field(init=False)
    watermark_blocks: int = field(init=False)
    schedule_ahead: bool = field(init=False)

    def __post_init__(self) -> None:
        replica, options = self.replica, self.scheduling
        ranks, blocks = replica.dp, replica.kv_blocks or 0
        derived = {
            "ranks": ranks,
            "max_sequences": (replica.max_sequences or 0) * ranks,
            "max_batched_tokens": (replica.max_batched_tokens or 0) * ranks,
            "max_context": replica.max_context,
            "kv_blocks": blocks * ranks,
            "kv_block_tokens": replica.kv_block_tokens,
            "chunked_prefill": replica.chunked_prefill,
            "prefix_caching": replica.prefix_caching,
            "whole_prompt_fits": options.whole_prompt_fits,
            "output_reserve": options.output_reserve,
            "watermark_blocks": int(options.watermark * blocks * ranks),
            "schedule_ahead": bool(options.asynchronous),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @property
    def cached_tokens(self) -> int:
        """Tokens that the cache of one rank holds."""
        return self.kv_blocks // self.ranks * self.kv_block_tokens

    @property
    def longest_request(self) -> int:
        """Tokens of the longest prompt plus answer that can be served at all."""
        return min(self.max_context, self.cached_tokens)

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt that can be served at all."""
        return self.max_context if self.chunked_prefill else self.max_batched_tokens // self.ranks


def admission_of(options: Scheduling, ranks: int) -> "Rule | None":
    """The rule by which newcomers wait; None where they are let in before the next step."""
    balances = options.balance_steps and ranks > 1
    if not (options.receive_interval or options.gather_steps or balances):
        return None
    # Most engines let newcomers in at once, and a single step admits nobody.
    from simulator.serving.replica.door import EveryRank, Gather, LookEvery

    if options.receive_interval:
        return LookEvery(options.receive_interval)
    if options.gather_steps:
        return Gather(options.gather_steps, options.gather_share)
    return EveryRank(options.balance_steps, ranks)
