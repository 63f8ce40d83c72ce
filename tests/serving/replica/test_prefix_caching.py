"""Shared prefixes: what is spared, what it holds, and that nothing of it leaks."""

import numpy as np
import pytest
from closed_form_clock import (
    ClosedFormClock,
    serve,
    serve_watched,
    settings,
    shared_table,
    table,
)
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from simulator.memory.prefix import PrefixCache
from simulator.specs.workload import Trace
from simulator.traces.read import read_trace

OPTIONS = st.fixed_dictionaries(
    {
        "prefix_caching": st.booleans(),
        "kv_blocks": st.sampled_from([40, 64, 400]),
        "kv_block_tokens": st.sampled_from([16, 24, 32]),
        "max_batched_tokens": st.sampled_from([64, 512]),
        "max_sequences": st.sampled_from([2, 32]),
        "whole_prompt_fits": st.booleans(),
        "swap_s_per_block": st.sampled_from([None, 1e-4]),
        "composition": st.sampled_from(["mixed", "prefill-first"]),
        "routing": st.sampled_from(["least-loaded", "prefix-aware", "round-robin"]),
        "replicas": st.sampled_from([1, 2]),
    }
)


@given(seed=st.integers(0, 10_000), options=OPTIONS)
@effort(max_examples=60)
def test_computed_and_cached_tokens_make_up_the_prompts(seed, options):
    requests = shared_table(seed)
    outcome = serve_watched(requests, settings(**options))
    done = outcome.records.finished
    prefilled = sum(c.prefill_tokens for c in outcome.counters)
    cached = sum(c.cached_tokens for c in outcome.counters)
    assert (outcome.records.cached_tokens < requests.input_tokens).all()
    if not options["prefix_caching"]:
        assert cached == 0
    if outcome.records.preemptions.sum() == 0:
        assert cached == outcome.records.cached_tokens.sum()
        assert prefilled + cached == requests.input_tokens[done].sum()
    answers = sum(c.decode_tokens + c.prompt_ends for c in outcome.counters)
    assert answers == requests.output_tokens[done].sum()


@given(seed=st.integers(0, 10_000), options=OPTIONS)
@effort(max_examples=60)
def test_runs_of_steps_equal_single_steps_with_a_cache(seed, options):
    requests = shared_table(seed)
    swift = serve(requests, ClosedFormClock(), settings(**options)).records
    single = settings(**options, steps_per_event=1)
    exact = serve(requests, ClosedFormClock(), single).records
    assert (swift.cached_tokens == exact.cached_tokens).all()
    np.testing.assert_allclose(swift.finished_s, exact.finished_s, rtol=1e-9)


def test_a_repeated_prompt_is_computed_once_but_for_its_last_block():
    requests = table([0, 10], 64, 4, prefix_blocks=((1, 2), (1, 2)), prefix_block_tokens=32)
    records = serve_watched(requests, settings(prefix_caching=True)).records
    assert records.cached_tokens.tolist() == [0, 48]
    assert records.ttft_s[1] < records.ttft_s[0]


def test_requests_of_one_step_share_what_the_first_enters():
    requests = table([0, 0], 96, 4, prefix_blocks=((1, 2, 3), (1, 2, 4)), prefix_block_tokens=32)
    records = serve_watched(requests, settings(prefix_caching=True)).records
    assert records.cached_tokens.tolist() == [0, 64]


def test_the_next_turn_finds_the_answer_too():
    requests = table(
        [0, 0], [64, 160], [32, 4],
        prefix_blocks=((1, 2, 3), (1, 2, 3, 4, 5)), prefix_block_tokens=32,
        follows=np.array([-1, 0]), delay_s=np.array([0.0, 2.0]), session=np.array([0, 0]),
    )  # fmt: skip
    records = serve_watched(requests, settings(prefix_caching=True)).records
    assert records.arrival_s[1] == pytest.approx(records.finished_s[0] + 2.0)
    # The answer's last token was sampled but never computed, so its block is not whole.
    assert records.cached_tokens.tolist() == [0, 64]


def test_the_longest_idle_unit_goes_first_and_tails_before_heads():
    cache = PrefixCache()
    for unit in (1, 2, 3):
        assert cache.insert(unit, 2)
    assert not cache.insert(2, 2)
    assert cache.release([1, 2, 3]) == 6
    cache.shrink(4)
    assert cache.match([1, 2, 3]) == 2
    assert cache.hold([1]) == 2
    cache.shrink(0)
    assert cache.match([1, 2, 3]) == 1
    assert len(cache) == 1


@pytest.mark.parametrize(("name", "rate"), [("conversation", 0.374), ("synthetic", 0.651)])
def test_an_endless_cache_reaches_the_ideal_hit_rate_of_mooncake(shared_data, name, rate):
    file = shared_data / "traces" / "mooncake_fast25" / f"{name}_trace.jsonl"
    requests = read_trace(Trace(kind="trace", file=file))
    clock = ClosedFormClock(token_s=1e-6, past_s=0)
    endless = settings(
        prefix_caching=True, kv_blocks=1 << 30, max_context=1 << 20,
        max_sequences=4096, max_batched_tokens=1 << 17,
    )  # fmt: skip
    records = serve(requests, clock, endless).records
    hit = records.cached_tokens.sum() / records.input_tokens.sum()
    assert hit == pytest.approx(rate, abs=5e-4)
