"""The settings of a serving engine that the simulation heeds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.serving.replica.door import Rule
    from simulator.serving.replica.lower_tiers import CacheTiers


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What bounds a step and the cache, and how the engine behaves at those bounds.

    Args:
        max_sequences: sequences that run at once.
        max_batched_tokens: tokens of one step.
        kv_blocks, kv_block_tokens: the paged cache.
        max_context: longest prompt plus answer.
        chunked_prefill: whether a prompt may be spread over steps.
        ranks: data-parallel ranks that share these limits evenly; a sequence stays on one.
        request_overhead_s: from arrival to the scheduler, and back with the first token.
        prefix_caching: freed blocks keep their text until they are handed out again: for prompts
            that begin alike, and for sequences that were thrown out.
        whole_prompt_fits: a prompt is admitted only when all of it has room, though it may be
            computed in chunks (vLLM since 0.19, SGLang, TensorRT-LLM); otherwise its first chunk.
        output_reserve: share of its answer for which a request must find room to be admitted:
            0 as vLLM and TensorRT-LLM's max-utilisation, 1 as its guaranteed-no-evict.
        watermark_blocks: blocks that admission leaves free.
        schedule_ahead: the next step is put together while one runs (asynchronous scheduling),
            so a newcomer sits out one step more.
        swap_s_per_block: seconds to move a block to the host or back; None recomputes what a
            shortage of memory threw out.
        admission: for how long newcomers are left outside while the batch decodes; None lets them
            in before the next step.
        lower_tiers: where prefixes go that the device evicts; None drops them.
    """

    max_sequences: int
    max_batched_tokens: int
    kv_blocks: int
    kv_block_tokens: int
    max_context: int
    chunked_prefill: bool = True
    ranks: int = 1
    request_overhead_s: float = 0.0
    prefix_caching: bool = False
    whole_prompt_fits: bool = True
    output_reserve: float = 0.0
    watermark_blocks: int = 0
    schedule_ahead: bool = False
    swap_s_per_block: float | None = None
    admission: "Rule | None" = None
    lower_tiers: "CacheTiers | None" = None

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
