"""Requests as they are read from a table."""

from math import lcm

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulator.serving.traffic.columns import Columns
from simulator.serving.traffic.request import RequestTable

PREFIX = tuple(range(100, 124))


def table(hash_tokens: int, ttft_limit_s: float | None = None) -> RequestTable:
    """Two requests, at 1 and 3 s; each hash of their prompts stands for ``hash_tokens``."""
    return RequestTable(
        np.array([1.0, 3.0]),
        np.array([640, 10]),
        np.array([5, 7]),
        prefix_blocks=(PREFIX, ()),
        prefix_block_tokens=hash_tokens,
        ttft_limit_s=None if ttft_limit_s is None else np.full(2, ttft_limit_s),
    )


@given(st.integers(1, 64), st.integers(1, 64))
def test_shared_units_are_the_fewest_hashes_that_fill_whole_blocks(hash_tokens, block_tokens):
    columns = Columns(table(hash_tokens), block_tokens)
    assert columns.unit_tokens == lcm(hash_tokens, block_tokens)
    # Each unit is known by the last of its hashes; hashes that fill none are left out.
    hashes = columns.unit_tokens // hash_tokens
    ends = range(hashes, len(PREFIX) + 1, hashes)
    assert columns.request(0, 1.0, 0.0).prefix == tuple(PREFIX[end - 1] for end in ends)


def test_a_request_is_due_by_its_own_limit_or_else_by_that_of_all():
    assert Columns(table(16), 16).request(1, 4.0, 2.0).deadline_s == 6.0
    assert Columns(table(16, ttft_limit_s=0.5), 16).request(1, 4.0, 2.0).deadline_s == 4.5
