"""A sequence that was thrown out finds what is left of its own blocks, as by full hashing."""

from dataclasses import replace

import numpy as np
from closed_form_clock import (
    ClosedFormClock,
    random_table,
    serve,
    settings,
)
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

CLOCK = ClosedFormClock()


def hashed(requests, unit):
    """The same requests with a hash of its own for every block of every text."""
    texts = zip(requests.input_tokens, requests.output_tokens, strict=True)
    own = ((row << 32, int(prompt + answer) // unit) for row, (prompt, answer) in enumerate(texts))
    prefixes = tuple(tuple(range(first, first + count)) for first, count in own)
    return replace(requests, prefix_blocks=prefixes, prefix_block_tokens=unit, partial_blocks=False)


@given(seed=st.integers(0, 1000), blocks=st.sampled_from([48, 70, 120]))
@effort(max_examples=40, deadline=None)
def test_remembering_equals_hashing_every_block(seed, blocks):
    limits = {"kv_blocks": blocks, "prefix_caching": True}
    requests = random_table(seed)
    plain = serve(requests, CLOCK, settings(**limits))
    exact = serve(hashed(requests, 16), CLOCK, settings(**limits))
    for column in ("first_token_s", "finished_s"):
        left, right = (getattr(o.records, column) for o in (plain, exact))
        np.testing.assert_allclose(left, right, rtol=1e-9)
    assert plain.records.preemptions.sum() == exact.records.preemptions.sum()


def test_less_is_computed_again_than_without_caching():
    requests = random_table(3)
    with_cache, without = (
        serve(requests, CLOCK, settings(kv_blocks=70, prefix_caching=caching))
        for caching in (True, False)
    )
    assert without.records.preemptions.sum() > 0
    computed = [sum(c.prefill_tokens for c in o.counters) for o in (with_cache, without)]
    assert computed[0] < computed[1]
