"""What is put down of a request that came to nothing, and of one that did not."""

import numpy as np
from closed_form_clock import serve_watched, settings, table

from simulator.serving.outcome.records import FINISHED, REJECTED


def test_a_request_that_is_turned_away_leaves_no_trace_but_its_end():
    requests = table([0.0, 1.0, 2.0], [10, 10_000_000, 30], [5, 5, 1])
    for caching in (True, False):
        records = serve_watched(requests, settings(prefix_caching=caching)).records
        assert records.status.tolist() == [FINISHED, REJECTED, FINISHED]
        assert np.isnan(records.started_s).tolist() == [False, True, False]
        assert np.isnan(records.first_token_s).tolist() == [False, True, False]
        assert records.finished_s[1] == records.arrival_s[1] == 1.0
        assert records.cached_tokens.tolist() == records.preemptions.tolist() == [0, 0, 0]
        assert records.replica.tolist() == [0, 0, 0]
        # The last token of an answer of one is its first.
        assert records.finished_s[2] == records.first_token_s[2]


def test_the_first_rows_of_a_table_are_a_table():
    requests = table(
        [0.0, 1.0, 2.0], [10, 20, 30], 5, session=np.array([4, 5, 6]),
        prefix_blocks=((1,), (2, 3), (4,)), prefix_block_tokens=16, partial_blocks=False,
    )  # fmt: skip
    first = requests.first(2)
    assert len(first) == 2
    assert first.input_tokens.tolist() == [10, 20]
    assert first.session.tolist() == [4, 5]
    assert first.prefix_blocks == ((1,), (2, 3))
    assert (first.prefix_block_tokens, first.partial_blocks) == (16, False)
    assert first.priority is None
    assert serve_watched(first, settings(prefix_caching=True)).records.finished.all()
