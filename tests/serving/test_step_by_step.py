"""Replicas against a plain simulator that takes one step after another with lists and counts.

It knows nothing of runs of steps, sums over batches or heaps: who waits, whose prompt is half
done and who decodes are lists, and cache blocks are counted sequence by sequence.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from closed_form_clock import LIMITS, ClosedFormClock, serve, settings, table
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

CLOCK = ClosedFormClock()


@dataclass
class Sequence:
    """A request on its way, in tokens."""

    number: int
    arrival_s: float
    input_tokens: int
    output_tokens: int
    target: int = 0
    computed: int = 0
    generated: int = 0
    held: int = 0
    preemptions: int = 0
    started_s: float = np.nan
    first_s: float = np.nan
    finished_s: float = np.nan


class Plain:
    """One replica, first come first served."""

    def __init__(self, requests, composition, block, blocks, budget, most, whole, watermark):
        self.block, self.free, self.budget, self.most = block, blocks, budget, most
        self.composition, self.whole = composition, whole
        self.watermark = int(watermark * blocks)
        self.coming = [
            Sequence(i, *row, target=row[1])
            for i, row in enumerate(
                zip(
                    requests.arrival_s.tolist(), requests.input_tokens.tolist(),
                    requests.output_tokens.tolist(), strict=True,
                )
            )
        ]  # fmt: skip
        self.all = list(self.coming)
        self.waiting, self.prompts, self.decoding = [], [], []
        self.joules = self.busy_s = self.prompts_s = 0.0
        self.steps = 0

    def blocks(self, tokens):
        return -(-tokens // self.block)

    def hold(self, one, tokens):
        more = self.blocks(tokens) - one.held
        self.free -= more
        one.held += more

    def leave(self, one):
        self.free += one.held
        one.held, one.computed = 0, 0
        one.preemptions += 1
        one.target = one.input_tokens + one.generated
        self.waiting.append(one)
        self.waiting.sort(key=lambda s: (s.preemptions == 0, s.arrival_s, s.number))
        self.someone_left = True

    def needed(self):
        return sum(self.blocks(s.computed + 1) - s.held for s in self.decoding)

    def plan(self, now):
        """The chunks of the next step, and whether the batch decodes."""
        self.someone_left = False
        decode, budget = True, self.budget - len(self.decoding)
        if self.composition == "prefill-first":
            decode, budget = False, self.budget
        spare = 0
        if decode:
            spare = self.make_room()
        chunks = []
        for one in list(self.prompts):
            if budget <= 0 or one not in self.prompts:
                continue
            until = min(one.target, one.computed + budget)
            while self.blocks(until) - one.held + spare > self.free:
                last = self.prompts.pop()
                self.leave(last)
                if last is one:
                    break
            if one not in self.prompts:
                budget = 0
                continue
            self.hold(one, until)
            chunks.append((one, until - one.computed))
            budget -= until - one.computed
        while self.waiting and budget > 0 and not self.someone_left:
            if len(self.prompts) + len(self.decoding) >= self.most:
                break
            one = self.waiting[0]
            tokens = min(one.target, budget)
            kept = spare + (self.watermark if self.prompts or self.decoding else 0)
            needed = one.target if self.whole else tokens
            if self.blocks(needed) + kept > self.free:
                break
            self.waiting.pop(0)
            self.hold(one, tokens)
            if np.isnan(one.started_s):
                one.started_s = now
            self.prompts.append(one)
            chunks.append((one, tokens))
            budget -= tokens
        if not chunks and not decode:
            decode = True
            self.make_room()
        return chunks, decode and bool(self.decoding)

    def make_room(self):
        while self.needed() > self.free:
            self.leave(self.prompts.pop() if self.prompts else self.decoding.pop())
        return self.needed()

    def step(self, now):
        """Take one step from ``now``; returns when it ends, or None where there is none."""
        chunks, decodes = self.plan(now)
        if not chunks and not decodes:
            return None
        rows = self.decoding if decodes else []
        mean = sum(s.computed for s in rows) / len(rows) if rows else 0.0
        if chunks:
            tokens = sum(count for _, count in chunks)
            past = sum(one.computed * count for one, count in chunks) / tokens
            seconds, joules = CLOCK.mixed(len(rows), mean, len(chunks), tokens, past, 0)
        else:
            seconds, joules = CLOCK.decode(len(rows)).run(mean, 1)
        self.joules, self.busy_s = self.joules + joules, self.busy_s + seconds
        self.steps += 1
        end = now + seconds
        for one in rows:
            self.hold(one, one.computed + 1)
            one.computed += 1
            one.generated += 1
        for one, count in chunks:
            one.computed += count
            if one.computed == one.target:
                self.prompts.remove(one)
                one.generated += 1
                if np.isnan(one.first_s):
                    one.first_s = end
                self.decoding.append(one)
        for one in [s for s in self.decoding if s.generated == s.output_tokens]:
            self.decoding.remove(one)
            one.finished_s = end
            self.free += one.held
        return end

    def run(self):
        now = 0.0
        while self.coming or self.waiting or self.prompts or self.decoding:
            while self.coming and self.coming[0].arrival_s <= now:
                self.waiting.append(self.coming.pop(0))
            end = self.step(now)
            now = self.coming[0].arrival_s if end is None else end
        return self


requests = st.lists(
    st.tuples(st.floats(1e-5, 0.2), st.integers(1, 150), st.integers(1, 40)),
    min_size=1,
    max_size=14,
)


@effort(max_examples=40)
@given(
    requests,
    st.sampled_from(["mixed", "prefill-first"]),
    st.sampled_from([4, 16]),
    st.sampled_from([200, 14]),
    st.sampled_from([512, 64, 33]),
    st.sampled_from([64, 3]),
    st.sampled_from([1 << 60, 1]),
    st.booleans(),
    st.sampled_from([0.0, 0.1]),
)
def test_a_replica_does_what_a_plain_simulator_does(
    rows, composition, block, blocks, budget, most, steps_per_event, whole, watermark
):
    # Requests that come at the very same time are taken one by one, which is not the point here.
    gaps, inputs, outputs = zip(*rows, strict=True)
    blocks = blocks * 16 // block
    asked = table(np.cumsum(gaps), inputs, outputs)
    expected = Plain(asked, composition, block, blocks, budget, most, whole, watermark).run()
    outcome = serve(
        asked, CLOCK,
        settings(
            composition=composition, kv_blocks=blocks, kv_block_tokens=block,
            max_batched_tokens=budget, max_sequences=most, steps_per_event=steps_per_event,
            whole_prompt_fits=whole, watermark=watermark,
        ),
    )  # fmt: skip
    found = outcome.records
    for name, of in (
        ("started_s", found.started_s), ("first_s", found.first_token_s),
        ("finished_s", found.finished_s), ("preemptions", found.preemptions),
    ):  # fmt: skip
        values = [getattr(one, name) for one in expected.all]
        assert of == pytest.approx(values, rel=1e-9), name
    counters = outcome.counters[0]
    assert counters.steps == expected.steps
    assert counters.busy_s == pytest.approx(expected.busy_s, rel=1e-9)
    assert counters.energy_j == pytest.approx(expected.joules, rel=1e-9)
    assert counters.preemptions == sum(one.preemptions for one in expected.all)


def test_the_host_handles_a_request_before_and_after_its_replica():
    limits = replace(LIMITS, request_overhead_s=0.25)
    plain, handled = (
        serve(table([0.0, 0.1], 100, 20), CLOCK, settings(limits=given_)).records
        for given_ in (LIMITS, limits)
    )
    assert handled.first_token_s == pytest.approx(plain.first_token_s + 0.25)
    assert handled.finished_s == pytest.approx(plain.finished_s + 0.25)
