"""Which entries a query sees: the closed form against counting them one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.span import Span

limits = st.one_of(st.none(), st.integers(1, 300))
spans = st.one_of(
    st.builds(Span, window=limits, top_k=limits, compression=st.sampled_from([1, 4, 128])),
    st.builds(Span, chunk=st.integers(1, 300), compression=st.sampled_from([1, 4])),
)


@given(spans, st.integers(0, 700), st.integers(0, 700))
def test_pairs_are_the_sum_of_entries_over_positions(span, new, past):
    contexts = np.arange(past + 1, past + new + 1)
    assert span.pairs(new, past) == pytest.approx(span.entries(contexts).sum(), rel=1e-12)


@given(spans, st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_a_prompt_in_two_chunks_makes_the_same_pairs(span, first, second, past):
    together = span.pairs(first + second, past)
    apart = span.pairs(first, past) + span.pairs(second, past + first)
    assert apart == pytest.approx(together, rel=1e-12, abs=1e-9)


@given(spans, st.integers(0, 700), st.integers(0, 700), st.sampled_from([1, 64, 128]))
def test_padded_pairs_are_whole_tiles_of_whole_entries(span, new, past, tile):
    if span.chunk is not None:
        return
    tokens = np.arange(past + 1, past + new + 1)
    if span.window is not None:
        tokens = np.minimum(tokens, span.window)
    entries = tokens // span.compression
    if span.top_k is not None:
        entries = np.minimum(entries, span.top_k)
    padded = tile * np.ceil(entries / tile)
    assert span.tiled_pairs(new, past, tile) == pytest.approx(padded.sum(), rel=1e-12)


@given(st.integers(1, 300), st.integers(1, 20))
def test_whole_chunks_make_the_triangle_of_each(chunk, chunks):
    assert Span(chunk=chunk).pairs(chunk * chunks, 0) == chunks * chunk * (chunk + 1) / 2


@given(st.integers(1, 500), st.integers(0, 500))
def test_an_encoder_sees_every_pair(tokens, past):
    assert Span(causal=False).pairs(tokens, past) == tokens * (tokens + past)


def test_top_k_of_compressed_entries_counts_entries_not_tokens():
    span = Span(top_k=512, compression=4)
    assert span.entries(1024) == 256
    assert span.entries(1_000_000) == 512


def test_chunk_and_window_do_not_mix():
    with pytest.raises(ValueError, match="not both"):
        Span(chunk=8, window=4)
