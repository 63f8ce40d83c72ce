"""Modes that give more than one token a step: nothing is lost, and runs equal single steps."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from closed_form_clock import (
    ClosedFormClock,
    Line,
    random_table,
    serve,
    serve_watched,
    settings,
    table,
)
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from simulator.roofline.step.decoding import UNBOUNDED, Plain, steps_for


@dataclass(frozen=True)
class Guessing:
    """``tokens`` a step on average, of ``width`` that are computed."""

    tokens: float
    width: int
    up_to: int = UNBOUNDED
    reads_hidden: bool = False
    longest: int = 0

    def steps_of(self, tokens, *answer):
        """With ``longest`` a draw of 1 to so many steps, whatever the mean gain."""
        if not self.longest:
            return None
        return int(np.random.default_rng(answer).integers(1, min(tokens, self.longest) + 1))

    def overshoot(self, tokens):
        return self.width - 1 + (math.ceil(self.tokens) * self.longest if self.longest else 0)


@dataclass(frozen=True)
class GuessingClock(ClosedFormClock):
    """Steps that take ``longer`` and give the tokens of their mode."""

    longer: float = 1.5

    def decode(self, sequences):
        plain = super().decode(sequences)
        if sequences > self.mode.up_to:
            return plain
        slope_s = self.longer * plain.slope_s
        return Line(self.longer * plain.base_s, slope_s, plain.power_w, self.mode.tokens)

    def mixed(self, decoding, *others):
        time_s, energy_j = super().mixed(decoding, *others)
        longer = self.longer if 0 < decoding <= self.mode.up_to else 1.0
        return longer * time_s, longer * energy_j


def clock(tokens, width, up_to=UNBOUNDED, longest=0, longer=1.5):
    mode = Guessing(tokens, width, up_to, reads_hidden=width > 1, longest=longest)
    return GuessingClock(mode=mode, longer=longer)


MODES = st.sampled_from(
    [
        (1, 1), (2, 2), (2, 4), (3, 3), (1.8, 4), (2.37, 6), (1.0, 3),
        (2, 3, 5), (1.8, 4, 2), (2.37, 6, 9), (1.8, 4, UNBOUNDED, 20), (2, 3, 4, 7),
    ]
)  # fmt: skip
ENGINES = st.fixed_dictionaries(
    {
        "composition": st.sampled_from(["mixed", "prefill-first", "static"]),
        "max_sequences": st.sampled_from([1, 3, 64]),
        "max_batched_tokens": st.sampled_from([300, 2048]),
        "kv_blocks": st.sampled_from([70, 200, 1000]),
        "kv_block_tokens": st.sampled_from([1, 16, 50]),
        "asynchronous": st.booleans(),
        "swap_s_per_block": st.sampled_from([None, 1e-4]),
        "prefix_caching": st.booleans(),
        "replicas": st.sampled_from([1, 2]),
    }
)


@given(seed=st.integers(0, 10_000), mode=MODES, options=ENGINES)
@effort(max_examples=40, deadline=None)
def test_every_token_and_block_is_accounted_for(seed, mode, options):
    outcome = serve_watched(random_table(seed), settings(**options), clock(*mode))
    records = outcome.records
    decoded = sum(c.decode_tokens for c in outcome.counters)
    sampled = sum(c.prompt_ends for c in outcome.counters)
    assert decoded + sampled == records.output_tokens[records.finished].sum()
    assert outcome.timeline.series()["output_tokens"].sum() == pytest.approx(decoded + sampled)


@given(seed=st.integers(0, 10_000), mode=MODES, options=ENGINES)
@effort(max_examples=40, deadline=None)
def test_runs_of_steps_equal_single_steps(seed, mode, options):
    requests = random_table(seed)
    swift = serve(requests, clock(*mode), settings(**options))
    exact = serve(requests, clock(*mode), settings(**options, steps_per_event=1))
    for column in ("started_s", "first_token_s", "finished_s"):
        left, right = getattr(swift.records, column), getattr(exact.records, column)
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9)
    for a, b in zip(swift.counters, exact.counters, strict=True):
        assert (a.steps, a.decode_tokens, a.peak_blocks) == (
            b.steps,
            b.decode_tokens,
            b.peak_blocks,
        )
        assert a.energy_j == pytest.approx(b.energy_j, rel=1e-9)


@pytest.mark.parametrize(("tokens", "steps"), [(1, 120), (2, 60), (4, 30), (1.5, 80), (7, 18)])
def test_an_answer_takes_its_tokens_by_the_mean_gain(tokens, steps):
    outcome = serve(table([0.0], 100, 121), clock(tokens, 8), settings())
    assert outcome.counters[0].steps == 1 + steps
    assert outcome.counters[0].decode_tokens == 120


def test_two_tokens_for_a_step_and_a_half_take_three_quarters_of_the_time():
    flat = {"context_s": 0.0, "past_s": 0.0}
    plain = serve(table([0.0], 100, 201), ClosedFormClock(**flat), settings()).records
    twice = GuessingClock(**flat, mode=Guessing(2, 2))
    guessed = serve(table([0.0], 100, 201), twice, settings()).records
    assert guessed.tpot_s[0] == pytest.approx(0.75 * plain.tpot_s[0], rel=1e-12)


def test_guessed_tokens_take_of_the_step_budget():
    """Ten sequences that guess three tokens each leave 470 of 500 to a prompt, not 490."""
    requests = table([*np.zeros(10), 0.5], [*np.full(10, 20), 2000], [*np.full(10, 400), 2])
    options = {"max_batched_tokens": 500, "keep_events": True, "kv_blocks": 4000}
    found = [
        max(
            event[6]
            for event in serve(requests, with_mode, settings(**options)).events
            if event[4] == 10
        )
        for with_mode in (clock(1, 1), clock(1, 3))
    ]
    assert found == [490, 470]


def test_guessed_tokens_need_room():
    plain, guessing = (
        serve(table([0.0], 64, 1), with_mode, settings()).counters[0].peak_blocks
        for with_mode in (clock(1, 1), clock(1, 9))
    )
    assert (plain, guessing) == (4, 5)


@given(tokens=st.integers(0, 10**7), gain=st.floats(1, 9) | st.integers(1, 9))
def test_steps_are_the_fewest_that_give_enough(tokens, gain):
    steps = steps_for(tokens, gain)
    assert int(steps * gain) >= tokens
    assert steps == 0 or int((steps - 1) * gain) < tokens


def test_plain_decoding_is_one_pass_and_one_token():
    assert (Plain().tokens, Plain().width) == (1, 1)
    assert Plain().steps_of(100, 7) is None


def test_more_sequences_than_the_mode_takes_decode_plainly():
    """Nine sequences gain one token a step until one of them has ended, then all gain three."""
    flat = {"context_s": 0.0, "past_s": 0.0, "sequence_s": 0.0}
    mode = Guessing(3, 4, up_to=8)
    # The first request decodes one step, with three tokens, beside the prompts of the others.
    requests = table(np.zeros(9), np.full(9, 20), [74, 11, *np.full(7, 71)])
    options = {"kv_blocks": 4000, "keep_events": True}
    outcome = serve(requests, GuessingClock(**flat, mode=mode), settings(**options))
    decoding = [(event[4], event[3], event[5]) for event in outcome.events if event[3]]
    assert decoding == [(1, 1, 3 + 8), (9, 10, 90), (8, 20, 480)]


def test_drafts_that_read_what_the_model_computed_recompute_the_last_cached_block():
    """Of 160 cached tokens of a prompt the last 16 are computed again."""
    prefix = (tuple(range(10)), tuple(range(10)))
    requests = table([0.0, 5.0], 160, 2, prefix_blocks=prefix, prefix_block_tokens=16)
    options = settings(prefix_caching=True)
    plain, reading = (
        serve(requests, GuessingClock(mode=mode), options).records.cached_tokens[1]
        for mode in (Guessing(2, 2), replace(Guessing(2, 2), reads_hidden=True))
    )
    assert (plain, reading) == (144, 128)
