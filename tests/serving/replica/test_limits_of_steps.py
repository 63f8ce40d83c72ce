"""No step holds more than its limits, and no request is taken that could never end."""

import pytest
from closed_form_clock import random_table, serve_watched, settings, shared_table, table
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from nonempty import nonempty

from simulator.errors import InputError
from simulator.roofline.off_device.transfers import Channel
from simulator.serving.cluster import Failure
from simulator.serving.outcome.records import FINISHED
from simulator.serving.replica.lower_tiers import CacheTiers, LowerTier


@given(
    st.integers(0, 1000), st.sampled_from([16, 100, 512]), st.sampled_from([1, 3, 20]),
    st.sampled_from(["mixed", "prefill-first", "static"]), st.sampled_from([60, 400]),
)  # fmt: skip
@effort(max_examples=30, deadline=None)
def test_steps_keep_to_tokens_sequences_and_blocks(seed, budget, sequences, composition, blocks):
    options = settings(
        composition=composition, max_batched_tokens=budget, max_sequences=sequences,
        kv_blocks=blocks, keep_events=True,
    )  # fmt: skip
    outcome = serve_watched(random_table(seed, rate=60.0), options)
    events = nonempty(outcome.timeline.events())
    for _, _, _, steps, decoding, _, prompts, _, running, _, held in events:
        beside = decoding if composition == "mixed" else 0
        assert prompts <= max(budget - beside, 0)
        assert decoding <= running <= sequences
        assert held <= blocks
        assert steps or prompts
        # With prompts, or without, it is one step or a run of them.
        assert steps <= 1 or not prompts


@given(st.integers(0, 1000), st.sampled_from([40, 64, 200]), st.sampled_from([1e6, 1e8]))
@effort(max_examples=20, deadline=None)
def test_prompts_whose_beginnings_were_loaded_share_a_step(seed, budget, bytes_per_s):
    """Several may be half done at once, when what they wait for is there at the same time."""
    behind = CacheTiers(
        (LowerTier("host", 1e12, None),), Channel(0.0, bytes_per_s), bytes_per_token=100.0,
        layers=1, reload="always",
    )  # fmt: skip
    options = settings(
        prefix_caching=True, lower_tiers=behind, kv_blocks=40, max_batched_tokens=budget,
        max_sequences=16, keep_events=True,
    )  # fmt: skip
    outcome = serve_watched(shared_table(seed, count=100), options)
    for _, _, _, _, decoding, _, prompts, *_ in nonempty(outcome.timeline.events()):
        assert prompts <= max(budget - decoding, 0)
    hits = sum(sum(counters.hits_by_tier.values()) for counters in outcome.counters)
    assert hits > 0


@pytest.mark.parametrize(("budget", "done"), [(600, 6), (599, 5)])
def test_a_step_takes_as_many_as_it_has_places_for(budget, done):
    """Ten come while another is served alone; six may run, and fill a step but for one token."""
    requests = table([0.0, *[1e-4] * 10], [1, *[100] * 10], [1, *[4] * 10])
    options = settings(max_sequences=6, max_batched_tokens=budget)
    records = serve_watched(requests, options).records
    assert (records.started_s[1:] == records.finished_s[0]).sum() == 6
    assert (records.first_token_s[1:] == records.first_token_s[1]).sum() == done


@pytest.mark.parametrize(
    ("limits", "fits"),
    [
        ({"max_context": 130}, True), ({"max_context": 129}, False),
        # 130 tokens are nine blocks of sixteen.
        ({"kv_blocks": 9}, True), ({"kv_blocks": 8}, False),
        ({"chunked_prefill": False, "max_batched_tokens": 100}, True),
        ({"chunked_prefill": False, "max_batched_tokens": 99}, False),
    ],
)  # fmt: skip
def test_a_request_is_taken_where_it_fits_to_the_token(limits, fits):
    # Beside one that always fits, since a workload of which nothing does is refused as a whole.
    records = serve_watched(table([0.0, 0.0], [100, 1], [30, 1]), settings(**limits)).records
    assert (records.status[0] == FINISHED) == fits


def test_a_workload_of_nothing_but_what_just_fits_is_served():
    assert serve_watched(table([0.0], 100, 30), settings(max_context=130)).records.finished.all()
    with pytest.raises(InputError, match="130 tokens or more"):
        serve_watched(table([0.0], 100, 30), settings(max_context=129))


@pytest.mark.parametrize(("replicas", "told"), [(1, "there is one, 0"), (3, "replicas 0 to 2")])
def test_a_failure_of_a_replica_that_is_not_there_is_refused(replicas, told):
    options = settings(replicas=replicas, failures=(Failure(replicas, 1.0),))
    with pytest.raises(InputError) as refused:
        serve_watched(table([0.0], 10, 3), options)
    assert told in str(refused.value)
