"""Events summed into bins: against sums made one event at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.serving.outcome.records import Counters
from simulator.serving.outcome.timeline import Timeline

whole = st.integers(0, 50)
events = st.lists(
    st.tuples(
        st.integers(0, 2), st.floats(0.0, 400.0), st.floats(1e-3, 60.0), st.integers(0, 9), whole,
        whole, whole, st.floats(0.0, 100.0), whole, whole, whole,
    ),
    min_size=1,
    max_size=30,
)  # fmt: skip


def filled(rows, **options) -> Timeline:
    timeline = Timeline(3, **options)
    for row in rows:
        timeline.add(row)
    return timeline


@given(events, st.sampled_from([0.25, 1.0]))
def test_bins_hold_what_the_part_of_each_event_in_them_brings(rows, bin_s):
    timeline = filled(rows, bin_s=bin_s)
    series, width = timeline.series(), timeline.bin_s
    # Bins widen by doubling, as little as the 512 of them need.
    end = max(start + duration for _, start, duration, *_ in rows)
    assert width == bin_s * 2 ** max(0, int(np.floor(np.log2(end / (512 * bin_s)))) + 1) or (
        end < 512 * bin_s and width == bin_s
    )
    middles = (np.arange(len(series["time_s"])) + 0.5) * width
    assert series["time_s"] == pytest.approx(middles)
    assert middles[-1] - width / 2 <= end < middles[-1] + width / 2 + 1e-9
    expected = np.zeros((6, len(middles)))
    for _, start, duration, _, _, outputs, prompts, energy, running, waiting, _ in rows:
        left = np.maximum(start, middles - width / 2)
        right = np.minimum(start + duration, middles + width / 2)
        part = np.maximum(right - left, 0.0)
        amounts = (duration, outputs, prompts, energy, running * duration, waiting * duration)
        expected += np.outer(amounts, part / duration)
    names = ("busy_s", "output_tokens", "prompt_tokens", "energy_j", "running_s", "waiting_s")
    for name, sums in zip(names, expected, strict=True):
        assert series[name] == pytest.approx(sums, rel=1e-6, abs=1e-6)


@given(events)
def test_totals_of_a_replica_are_those_of_its_events(rows):
    timeline = filled(rows)
    for replica in range(3):
        own = [row for row in rows if row[0] == replica]
        counters = Counters(energy_j=7.0, prompt_ends=1)
        found = timeline.add_to(counters, replica)
        assert found.events == len(own)
        # An event without decode steps is one step of prompts alone.
        assert found.steps == sum(max(row[3], 1) for row in own)
        assert found.prefill_tokens == sum(row[6] for row in own)
        assert found.decode_tokens == sum(row[5] for row in own) - 1
        assert found.busy_s == pytest.approx(sum(row[2] for row in own))
        assert found.energy_j == pytest.approx(7.0 + sum(row[7] for row in own))
        assert found.peak_blocks == max((row[10] for row in own), default=0)


def test_events_are_kept_as_they_came_where_that_is_asked():
    rows = [(1, 0.5, 0.25, 2, 3, 6, 0, 1.5, 3, 1, 20), (0, 1.0, 0.5, 0, 0, 1, 64, 2.5, 4, 0, 30)]
    assert filled(rows, keep_events=True).events() == tuple(rows)
    assert filled(rows).events() == ()


@given(st.lists(st.tuples(st.floats(1e-5, 1e3), st.integers(1, 9), st.integers(1, 9)), min_size=1))
def test_gaps_between_tokens_are_steps_of_every_sequence(rows):
    """Each of the steps of an event is a gap for each sequence that decodes."""
    timeline = filled(
        [
            (0, 0.0, gap * steps, steps, decoding, 0, 0, 0.0, 0, 0, 0)
            for gap, steps, decoding in rows
        ]
    )
    timeline.add_gap(2.5, 3)
    gaps = np.concatenate(
        [np.repeat(gap, steps * decoding) for gap, steps, decoding in rows] + [np.full(3, 2.5)]
    )
    assert timeline.gap_mean() == pytest.approx(gaps.mean(), rel=0.011)
    ordered = np.sort(gaps)
    for percent in (1, 50, 90, 100):
        place = ordered[max(int(np.ceil(percent / 100 * gaps.size)) - 1, 0)]
        assert timeline.gap_percentile(percent) == pytest.approx(place, rel=0.011)


def test_gaps_beyond_the_bins_count_in_the_outermost():
    """From a microsecond to 10,000 s, each as the middle of its bin, which is 1 % wide."""
    width = 1e10 ** (1 / 2300)
    for gap_s, counted_s in ((1e-9, 1e-6 * width**0.5), (1e7, 1e4 / width**0.5)):
        timeline = Timeline(1)
        timeline.add_gap(gap_s, 1)
        assert timeline.gap_mean() == pytest.approx(counted_s, rel=1e-9)
        assert timeline.gap_percentile(50) == pytest.approx(counted_s, rel=1e-9)
    assert width == pytest.approx(1.01, rel=1e-3)
    assert np.isnan(Timeline(1).gap_percentile(50))


def test_an_event_that_ends_with_the_last_bin_makes_bins_wider():
    timeline = filled([(0, 0.0, 512 * 0.25, 1, 1, 1, 0, 8.0, 1, 0, 1)])
    series = timeline.series()
    assert timeline.bin_s == 0.5
    assert series["busy_s"].sum() == pytest.approx(128.0)
    assert series["energy_j"].sum() == pytest.approx(8.0)
