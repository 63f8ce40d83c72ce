"""One replica: continuous batching over a paged KV cache, as events on a simpy clock.

Between two arrivals, completions or memory events the batch does not change, so a run of decode
steps is one event whose time and energy are closed sums (``Curve.run``). ``steps_per_event``
bounds such a run; 1 simulates step by step, and gives the same answer.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import simpy

from simulator.serving.policies import Composition, Ordering
from simulator.serving.request import FINISHED, REJECTED, Counters, Request
from simulator.serving.step_clock import StepClock
from simulator.serving.timeline import Timeline

UNBOUNDED = 1 << 60


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """The engine's settings that bound a step and the cache.

    Args:
        max_sequences: sequences that run at once.
        max_batched_tokens: tokens of one step.
        kv_blocks, kv_block_tokens: the paged cache.
        max_context: longest prompt plus answer.
        chunked_prefill: whether a prompt may be spread over steps.
        request_overhead_s: from arrival to the scheduler, and back with the first token.
    """

    max_sequences: int
    max_batched_tokens: int
    kv_blocks: int
    kv_block_tokens: int
    max_context: int
    chunked_prefill: bool = True
    request_overhead_s: float = 0.0


class Engine:
    """A replica's scheduler, batch and cache. ``submit`` requests; ``on_done`` hears of each end."""

    def __init__(
        self,
        env: simpy.Environment,
        clock: StepClock,
        limits: EngineLimits,
        ordering: Ordering,
        composition: Composition,
        on_done: Callable[[Request, float, int], None],
        timeline: Timeline,
        steps_per_event: int = UNBOUNDED,
    ) -> None:
        self.env = env
        self.clock = clock
        self.limits = limits
        self.counters = Counters()
        self._ordering = ordering
        self._composition = composition
        self._on_done = on_done
        self._timeline = timeline
        self._steps_per_event = steps_per_event

        self._waiting: list[tuple[int, float, int, Request]] = []
        self._prefilling: list[Request] = []
        self._decoding: dict[int, Request] = {}
        self._finish: list[tuple[int, int, int, Request]] = []
        self._context_sum = 0
        self._tick = 0
        self._free_blocks = limits.kv_blocks
        # How many sequences need a new block at ticks ≡ r (mod block size).
        self._growth = [0] * limits.kv_block_tokens

        self._wake: simpy.Event | None = None
        self._run: tuple[float, float, int] | None = None
        self._chunks: list[tuple[Request, int]] = []

    @property
    def unfinished(self) -> int:
        """Requests that wait or run here."""
        return len(self._waiting) + len(self._prefilling) + len(self._decoding)

    @property
    def used_blocks(self) -> int:
        """Cache blocks in use."""
        return self.limits.kv_blocks - self._free_blocks

    @property
    def running(self) -> int:
        """Sequences in the batch."""
        return len(self._prefilling) + len(self._decoding)

    @property
    def waiting(self) -> int:
        """Requests not yet admitted (or thrown out again)."""
        return len(self._waiting)

    def submit(self, request: Request) -> None:
        """Take a request; one that can never fit is rejected at once."""
        total = request.input_tokens + request.output_tokens
        needed = self._blocks(total)
        if total > self.limits.max_context or needed > self.limits.kv_blocks:
            self._on_done(request, self.env.now, REJECTED)
            return
        if not self.limits.chunked_prefill and request.input_tokens > self.limits.max_batched_tokens:
            self._on_done(request, self.env.now, REJECTED)
            return
        self._push(request, first=1)
        if self._wake is None:
            self._schedule()
        elif (
            self._run is not None
            and self._waiting[0][3] is request
            and self.running < self.limits.max_sequences
        ):
            self._cut_run()

    def _blocks(self, tokens: int) -> int:
        return -(-tokens // self.limits.kv_block_tokens)

    def _push(self, request: Request, first: int) -> None:
        key = self._ordering(request)
        heapq.heappush(self._waiting, (first, key, request.index, request))

    def _schedule(self) -> None:
        """Decide on the next step, or run of steps, and sleep until it is over."""
        prompts = len(self._waiting) + len(self._prefilling)
        plan = self._composition(len(self._decoding), prompts, self.limits.max_batched_tokens)
        reserved = self._reserve_decode_blocks() if plan.decode else 0
        chunks = self._take_prompts(plan.prompt_tokens) if prompts else []
        if chunks:
            self._start_mixed(chunks, decode=plan.decode)
            return
        self._free_blocks += reserved
        if self._decoding:
            if not plan.decode:
                room = self._reserve_decode_blocks()
                self._free_blocks += room
            self._start_decode_run()
        elif self._prefilling:
            # Half-done prompts hold all blocks between them: give the latest one's back.
            self._preempt_prompt(self._prefilling[-1])
            self._schedule()
        else:
            self._wake = None

    def _take_prompts(self, budget: int) -> list[tuple[Request, int]]:
        """Chunks for this step: half-done prompts first, then waiting ones while they fit."""
        chunks: list[tuple[Request, int]] = []
        limits = self.limits
        for request in self._prefilling:
            if budget <= 0:
                return chunks
            tokens = min(request.target - request.computed, budget)
            tokens = self._grow_prompt(request, tokens)
            if tokens > 0:
                chunks.append((request, tokens))
                budget -= tokens
        while self._waiting and budget > 0 and self.running < limits.max_sequences:
            request = self._waiting[0][3]
            remaining = request.target - request.computed
            if remaining > budget and not limits.chunked_prefill and chunks:
                break
            tokens = min(remaining, budget)
            if self._blocks(request.computed + tokens) > self._free_blocks:
                break
            heapq.heappop(self._waiting)
            self._grow_prompt(request, tokens)
            self._prefilling.append(request)
            if request.started_s < 0:
                request.started_s = self.env.now
            chunks.append((request, tokens))
            budget -= tokens
        return chunks

    def _grow_prompt(self, request: Request, tokens: int) -> int:
        """Take blocks for ``tokens`` more of a prompt; as many tokens as there are blocks for."""
        size = self.limits.kv_block_tokens
        most = (request.blocks + self._free_blocks) * size - request.computed
        tokens = min(tokens, most)
        if tokens > 0:
            added = self._blocks(request.computed + tokens) - request.blocks
            request.blocks += added
            self._free_blocks -= added
        return tokens

    def _start_mixed(self, chunks: list[tuple[Request, int]], decode: bool) -> None:
        decoding = len(self._decoding) if decode else 0
        context = self._context_sum / decoding if decoding else 0.0
        tokens = sum(t for _, t in chunks)
        past = sum(r.computed * t for r, t in chunks) / tokens
        sampling = sum(r.computed + t == r.target for r, t in chunks)
        time_s, energy_j = self.clock.mixed(
            decoding, context, len(chunks), tokens, past, sampling
        )
        if decoding:
            alone_s, _ = self.clock.decode(decoding).run(context, 1)
        else:
            alone_s = 0.0
        self.counters.prefill_s += max(0.0, time_s - alone_s)
        self._chunks = chunks
        self._sleep(time_s, energy_j, steps=1 if decoding else 0)

    def _start_decode_run(self) -> None:
        sequences = len(self._decoding)
        steps = min(self._finish_tick() - self._tick, self._steps_per_event)
        # Without a shortage in sight, skip the exact count.
        if self._free_blocks < sequences * (steps // self.limits.kv_block_tokens + 1):
            steps = self._steps_with_blocks(steps)
        curve = self.clock.decode(sequences)
        context = self._context_sum / sequences
        time_s, energy_j = curve.run(context, steps)
        self._run = (self.env.now, context, steps)
        self._sleep(time_s, energy_j, steps)

    def _sleep(self, time_s: float, energy_j: float, steps: int) -> None:
        wake = self.env.timeout(time_s, (time_s, energy_j, steps))
        wake.callbacks.append(self._on_wake)
        self._wake = wake

    def _cut_run(self) -> None:
        """A request came during a run of steps: let only the step in progress finish."""
        assert self._run is not None
        start, context, steps = self._run
        curve = self.clock.decode(len(self._decoding))
        done = curve.steps_until(context, self.env.now - start, steps)
        if done == steps:
            return
        time_s, energy_j = curve.run(context, done)
        self._run = (start, context, done)
        wake = self.env.timeout(max(0.0, start + time_s - self.env.now), (time_s, energy_j, done))
        wake.callbacks.append(self._on_wake)
        self._wake = wake

    def _on_wake(self, event: simpy.Event) -> None:
        if event is not self._wake:
            return
        time_s, energy_j, steps = event.value
        now = self.env.now
        decoding = len(self._decoding)
        if steps:
            if self._run is not None:
                self._free_blocks -= self._blocks_for(steps)
            self._tick += steps
            self._context_sum += steps * decoding
        counters = self.counters
        counters.events += 1
        counters.steps += max(steps, 1)
        counters.busy_s += time_s
        counters.energy_j += energy_j
        counters.decode_tokens += steps * decoding
        counters.peak_blocks = max(counters.peak_blocks, self.used_blocks)
        prompt_tokens = sum(t for _, t in self._chunks)
        counters.prefill_tokens += prompt_tokens
        self._timeline.add(
            now - time_s, time_s, steps * decoding, prompt_tokens, energy_j, self.running, self.waiting
        )
        self._run = None
        self._finish_decodes(now)
        self._finish_chunks(now)
        self._schedule()

    def _finish_chunks(self, now: float) -> None:
        for request, tokens in self._chunks:
            request.computed += tokens
            if request.computed == request.target:
                self._prefilling.remove(request)
                self._first_token(request, now)
        self._chunks = []

    def _first_token(self, request: Request, now: float) -> None:
        """The prompt is done: its last row gives a token, and decoding begins."""
        if request.first_token_s < 0:
            request.first_token_s = now + self.limits.request_overhead_s
        request.generated += 1
        left = request.output_tokens - request.generated
        if left == 0:
            self._release(request)
            self._on_done(request, now + self.limits.request_overhead_s, FINISHED)
            return
        request.joined_tick = self._tick
        self._decoding[request.index] = request
        self._context_sum += request.computed
        self._growth[(self._tick - request.computed) % self.limits.kv_block_tokens] += 1
        heapq.heappush(self._finish, (self._tick + left, request.index, request.epoch, request))

    def _finish_decodes(self, now: float) -> None:
        while self._decoding and self._finish_tick() <= self._tick:
            request = heapq.heappop(self._finish)[3]
            self._leave(request)
            self._release(request)
            self._on_done(request, now + self.limits.request_overhead_s, FINISHED)

    def _finish_tick(self) -> int:
        """Tick at which the next sequence ends; entries of preempted ones are dropped."""
        while True:
            tick, _, epoch, request = self._finish[0]
            if request.epoch == epoch:
                return tick
            heapq.heappop(self._finish)

    def _leave(self, request: Request) -> None:
        """Take a sequence out of the decoding batch."""
        advanced = self._tick - request.joined_tick
        residue = (request.joined_tick - request.computed) % self.limits.kv_block_tokens
        self._growth[residue] -= 1
        request.computed += advanced
        request.generated += advanced
        request.blocks = self._blocks(request.computed)
        self._context_sum -= request.computed
        del self._decoding[request.index]

    def _release(self, request: Request) -> None:
        self._free_blocks += request.blocks
        request.blocks = 0

    def _blocks_for(self, steps: int) -> int:
        """New blocks that the decoding batch needs for its next ``steps`` steps."""
        size = self.limits.kv_block_tokens
        whole, rest = divmod(steps, size)
        growth = self._growth
        needed = whole * len(self._decoding)
        start = self._tick % size
        for i in range(start, start + rest):
            needed += growth[i % size]
        return needed

    def _steps_with_blocks(self, most: int) -> int:
        """How many of the next ``most`` steps the free blocks last for (at least one)."""
        low, high = 1, most
        while low < high:
            middle = (low + high + 1) // 2
            if self._blocks_for(middle) <= self._free_blocks:
                low = middle
            else:
                high = middle - 1
        return low

    def _reserve_decode_blocks(self) -> int:
        """Take the blocks of the next decode step, preempting the latest sequences if need be."""
        while (needed := self._blocks_for(1)) > self._free_blocks:
            if self._prefilling:
                self._preempt_prompt(self._prefilling[-1])
            else:
                self._preempt(self._decoding[next(reversed(self._decoding))])
        self._free_blocks -= needed
        return needed

    def _preempt(self, request: Request) -> None:
        """Throw a decoding sequence out; its cache is recomputed later."""
        self._leave(request)
        # The prompt to recompute holds what was generated; its last row gives the next token.
        request.target = request.input_tokens + request.generated
        self._start_over(request)

    def _preempt_prompt(self, request: Request) -> None:
        """Throw a half-done prompt out."""
        self._prefilling.remove(request)
        self._start_over(request)

    def _start_over(self, request: Request) -> None:
        self._release(request)
        request.computed = 0
        request.epoch += 1
        request.preemptions += 1
        self.counters.preemptions += 1
        self._push(request, first=0)
