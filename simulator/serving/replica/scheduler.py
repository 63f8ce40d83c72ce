"""What the next step of a replica holds: who is admitted, who computes how much, who must leave.

The order of vLLM's V1 scheduler: running sequences first, the last admitted thrown out when
memory runs short, and newcomers only when nobody had to leave.
"""

from math import inf
from typing import TYPE_CHECKING

from simulator.roofline.step.decoding import PLAIN, DecodeMode
from simulator.serving.outcome.records import Counters
from simulator.serving.policies.ordering import Composition, Ordering
from simulator.serving.replica.batch import DecodeBatch
from simulator.serving.replica.block_pool import BlockPool
from simulator.serving.replica.limits import EngineLimits
from simulator.serving.replica.queue import WaitingQueue
from simulator.serving.traffic.request import Request

if TYPE_CHECKING:
    from simulator.serving.replica.lower_tiers import Load, LowerTiers

Chunk = tuple[Request, int]
"""A prompt and how many of its tokens the step computes."""


class Scheduler:
    """The state of one replica that is not time: queue, half-done prompts, batch and cache."""

    __slots__ = (
        "_committed",
        "_composition",
        "_counters",
        "_limits",
        "_mode",
        "_someone_left",
        "_victim_key",
        "batch",
        "held_back",
        "last_step_began_s",
        "loading",
        "lower",
        "pool",
        "prefilling",
        "stall_s",
        "waiting",
        "watches_evictions",
    )

    def __init__(
        self,
        limits: EngineLimits,
        ordering: Ordering,
        composition: Composition,
        counters: Counters,
        unit_tokens: int,
        partial_units: bool,
        lower: "LowerTiers | None" = None,
        mode: DecodeMode = PLAIN,
    ) -> None:
        self._limits = limits
        self._mode = mode
        self._composition = composition
        self._counters = counters
        self._victim_key = ordering.key if ordering.largest_key_leaves else None
        self._committed = 0
        self._someone_left = False
        self.waiting = WaitingQueue(ordering)
        self.prefilling: list[Request] = []
        # Admitted, but their prefix is still on its way from a lower tier; the oldest first.
        self.loading: list[Request] = []
        self.lower = lower
        self.batch = DecodeBatch(limits.kv_block_tokens, mode)
        self.pool = BlockPool(
            limits.kv_blocks,
            limits.kv_block_tokens,
            unit_tokens,
            ahead=mode.width - 1,
            again_blocks=int(mode.reads_hidden),
            partial_units=partial_units,
            lower=lower,
            remembers=limits.prefix_caching,
        )
        # Whether someone may be admitted in the step after this one though nothing else happens.
        self.held_back = False
        self.last_step_began_s = 0.0
        # Whether evicting cached prefixes may let the first waiting request in: it hoped for more
        # of them than there is room to hold.
        self.watches_evictions = False
        # Time that blocks spend on the way to the host and back before the next step.
        self.stall_s = 0.0

    @property
    def running(self) -> int:
        """Sequences that hold cache."""
        return len(self.prefilling) + len(self.batch.sequences) + len(self.loading)

    def never_fits(self, request: Request, *, answers: bool = True) -> bool:
        """Whether no state of this replica could serve ``request``, or its prompt alone."""
        limits, answer = self._limits, request.output_tokens if answers else 0
        total = request.input_tokens + answer
        if total > limits.longest_request or request.input_tokens > limits.longest_prompt:
            return True
        # Room beside the tokens: what the last step guesses ahead, and what it gives too many.
        ahead = self._mode.width - 1 + self._mode.overshoot(answer)
        return total + ahead > limits.cached_tokens

    @property
    def has_place(self) -> bool:
        """Whether one more sequence may run."""
        return self.running < self._limits.max_sequences

    def may_admit(self, request: Request, now: float) -> bool:
        """Whether a run of decode steps must end early for a request that just came."""
        return self.waiting.first(now) is request and self.has_place

    def plan(self, now: float) -> tuple[list[Chunk], bool]:
        """The prompt chunks of the next step, and whether the batch decodes in it.

        Takes the blocks of the chunks, and of the batch's step when there are any chunks; a run
        of pure decode steps takes its blocks when it is over.
        """
        pool, sequences, waiting = self.pool, self.batch.sequences, self.waiting.entries
        self._someone_left = self.held_back = self.watches_evictions = False
        pool.tell_time(now)
        if self.lower is not None:
            self.lower.now_s = now
            if self.loading:
                self._begin_loaded(now)
        if waiting and waiting[0][3].computed:
            self._readmit(now)
        decode, budget, admit = self._composition(
            self.batch.rows, len(self.prefilling), self._limits.max_batched_tokens
        )
        growth = self.make_room() if decode and sequences else 0
        chunks: list[Chunk] = []
        if self.prefilling:
            budget -= self._continue_prompts(chunks, budget, growth)
        if admit and not self._someone_left:
            self._admit(chunks, budget, growth, now)
        if chunks:
            pool.take(growth)
        elif sequences and not decode:
            self.make_room()
        return chunks, decode

    def _continue_prompts(self, chunks: list[Chunk], budget: int, spare: int) -> int:
        """Add chunks of half-done prompts, the oldest first; returns the tokens they take.

        Leaves ``spare`` blocks to the decoding sequences, here and below.
        """
        taken = 0
        prefilling = self.prefilling
        while taken < budget and len(chunks) < len(prefilling):
            request = prefilling[len(chunks)]
            until = min(request.target, request.computed + budget - taken)
            while not self.pool.grow(request, until, spare):
                if self._throw_out_latest_prompt() is request:
                    return taken
            tokens = until - request.computed
            chunks.append((request, tokens))
            taken += tokens
        return taken

    def _admit(self, chunks: list[Chunk], budget: int, spare: int, now: float) -> None:
        """Add chunks of waiting requests while tokens, sequences and blocks last."""
        limits, pool, waiting = self._limits, self.pool, self.waiting
        room = limits.max_sequences - self.running
        while waiting.entries and budget > 0 and room > 0:
            request = waiting.first(now)
            if request.computed == request.target:
                return
            if limits.schedule_ahead and self._too_new(request):
                return
            units = cached = 0
            kept = spare + limits.watermark_blocks if room < limits.max_sequences else spare
            if request.preemptions:
                cached = pool.remembered_tokens(request)
            if request.prefix:
                units = pool.cached_units(request)
                cached = max(cached, pool.cached_tokens(request, units) if units else 0)
                if self.lower is not None and (load := self._load_for(request, units)):
                    if not self._start_loading(request, units, load, kept, now):
                        return
                    room -= 1
                    continue
            tokens = request.target - cached
            if tokens > budget:
                if not limits.chunked_prefill and (chunks or tokens <= limits.max_batched_tokens):
                    return
                tokens = budget
            if limits.output_reserve and not self._commit(request, units):
                return
            least = request.target if limits.whole_prompt_fits else 0
            if not pool.admit(request, cached + tokens, units, kept, least):
                self._committed -= request.committed
                self.watches_evictions = units > 0
                if self.lower is not None and request.prefix and not limits.whole_prompt_fits:
                    # A load of what is brought nearer meanwhile may need less room than a chunk.
                    self.held_back = True
                return
            waiting.pop()
            self._begin(request, cached, cached, now)
            self.prefilling.append(request)
            chunks.append((request, tokens))
            budget -= tokens
            room -= 1

    def _begin(self, request: Request, computed: int, cached: int, now: float) -> None:
        """Note that ``request`` is admitted with ``cached`` tokens spared."""
        request.computed = computed
        self._counters.cached_tokens += cached
        if request.started_s < 0:
            request.started_s = now
            request.cached_tokens = cached

    def _load_for(self, request: Request, units: int) -> "Load | None":
        """What to load for ``request`` behind the ``units`` that the device holds."""
        assert self.lower is not None
        pool = self.pool
        behind = pool.units_behind(request, units)
        self.lower.value(request.prefix, request.priority)
        if not behind:
            return None
        return self.lower.choose(
            behind, lambda n: pool.cached_tokens(request, units + n), request.target
        )

    def prefetch(self, request: Request, now: float) -> None:
        """Let what ``request`` needs come nearer while those before it are computed."""
        assert self.lower is not None
        pool, lower = self.pool, self.lower
        lower.now_s = now
        units = pool.cached_units(request)
        behind = pool.units_behind(request, units)
        if behind:
            prompt_s = lower.prompt_s(pool.cached_tokens(request, units), request.target)
            lower.prefetch(behind, (1 + len(self.waiting)) * prompt_s)

    def _start_loading(
        self, request: Request, units: int, load: "Load", spare: int, now: float
    ) -> bool:
        """Admit ``request`` while part of its prefix is on its way; False without room for it."""
        assert self.lower is not None
        pool, limits = self.pool, self._limits
        if limits.output_reserve and not self._commit(request, units):
            return False
        until = pool.cached_tokens(request, units + load.units)
        least = request.target if limits.whole_prompt_fits else 0
        loaded = pool.units_behind(request, units)[: load.units]
        if not pool.has_room(request, until, units, spare, least):
            self._committed -= request.committed
            # Other places for its prefix, or another choice, may let it in later.
            self.watches_evictions = True
            self.held_back |= not limits.whole_prompt_fits
            return False
        self.waiting.pop()

        def tokens(count: int) -> int:
            return pool.cached_tokens(request, units + count)

        # Before its room is taken, which may evict what it is about to load.
        self.lower.load(loaded, tokens if request.started_s < 0 else None)
        pool.admit(request, until, units, spare, share=False)
        request.loaded, request.begins_s, request.ready_s = until, load.begins_s, load.ready_s
        self._begin(request, tokens(0), until, now)
        self.loading.append(request)
        return True

    def _begin_loaded(self, now: float) -> None:
        """Let prompts go on whose compute will not wait for a layer any more."""
        for request in [r for r in self.loading if r.begins_s <= now]:
            self.loading.remove(request)
            request.computed = request.loaded
            self.prefilling.append(request)

    def next_load_s(self) -> float:
        """When the next loading prompt may go on; infinity without one."""
        return min([request.begins_s for request in self.loading], default=inf)

    def _too_new(self, request: Request) -> bool:
        if not self._limits.schedule_ahead or not self.running:
            return False
        if request.submitted_s <= self.last_step_began_s:
            return False
        self.held_back = True
        return True

    def _commit(self, request: Request, units: int) -> bool:
        """Promise room for a share of the answer; False when that much is not there."""
        reserve = self._limits.output_reserve
        if not reserve:
            return True
        answer = request.input_tokens + request.output_tokens - request.target
        tokens = request.target + int(reserve * answer)
        blocks = max(self.pool.blocks(tokens) - units * self.pool.unit_blocks, 0)
        if self._committed + blocks > self.pool.total and self.running:
            return False
        request.committed = blocks
        self._committed += blocks
        return True

    def _readmit(self, now: float) -> None:
        """Let requests whose cache exists already (swapped or handed over) decode again."""
        batch, pool, limits = self.batch, self.pool, self._limits
        while self.waiting.entries and self.running < limits.max_sequences:
            request = self.waiting.first(now)
            if request.computed != request.target or self._too_new(request):
                return
            if not self._commit(request, 0):
                return
            # One block more than asked for now, so that readmission does not throw out at once.
            if not pool.admit(request, request.computed, 0, batch.blocks_for(1) + 1) and not (
                not self.running and pool.admit(request, request.computed, 0)
            ):
                self._committed -= request.committed
                return
            self.waiting.pop()
            if request.started_s < 0:
                request.started_s = now
            if request.first_token_s < 0:
                request.first_token_s = now + limits.request_overhead_s
            if request.swapped:
                request.swapped = False
                self.stall_s += request.blocks * (limits.swap_s_per_block or 0.0)
            batch.join(request, request.output_tokens - request.generated)

    def make_room(self) -> int:
        """Blocks of the batch's next step; throws out the latest sequences until they are free."""
        pool, batch = self.pool, self.batch
        while (needed := batch.blocks_for(1)) > pool.free:
            if self.loading or self.prefilling:
                self._throw_out_latest_prompt()
            else:
                self._throw_out(self._victim())
        return needed

    def _victim(self) -> Request:
        sequences, key = self.batch.sequences, self._victim_key
        if key is None:
            return sequences[next(reversed(sequences))]
        return max(sequences.values(), key=lambda r: (key(r), r.index))

    def _throw_out(self, request: Request) -> None:
        """Take a decoding sequence's blocks; its cache is swapped, or computed again later."""
        self.batch.leave(request)
        swap_s = self._limits.swap_s_per_block
        if swap_s is None:
            # The prompt to compute again holds what was generated; its last row gives a token.
            request.target = request.input_tokens + request.generated
            self._start_over(request, computed=0)
        else:
            request.swapped = True
            request.target = request.computed
            self.stall_s += request.blocks * swap_s
            self._start_over(request, computed=request.computed)

    def _throw_out_latest_prompt(self) -> Request:
        """Throw out the prompt admitted last; one that is loading has computed nothing yet."""
        request = (self.loading or self.prefilling).pop()
        self._start_over(request, computed=0)
        return request

    def _start_over(self, request: Request, computed: int) -> None:
        if request.swapped:
            self.pool.release(request)
        else:
            self.pool.throw_out(request)
        self._uncommit(request)
        request.computed = computed
        request.preemptions += 1
        self._counters.preemptions += 1
        # Newcomers are not admitted in the step in which someone had to leave, but in the next.
        self._someone_left = self.held_back = True
        self.waiting.push_back(request)

    def free(self, request: Request) -> None:
        """Give back what ``request`` holds."""
        self.pool.release(request)
        if request.committed:
            self._uncommit(request)

    def _uncommit(self, request: Request) -> None:
        self._committed -= request.committed
        request.committed = 0

    def clear(self) -> list[Request]:
        """Lose everything, as when the replica goes down; returns who was here, oldest first."""
        here = [*self.batch.sequences.values(), *self.prefilling, *self.loading]
        here += self.waiting.clear()
        here.sort(key=lambda request: request.index)
        self.batch = DecodeBatch(self._limits.kv_block_tokens, self._mode)
        self.prefilling.clear()
        self.loading.clear()
        self.pool.clear()
        self._committed = 0
        self.stall_s = 0.0
        return here
