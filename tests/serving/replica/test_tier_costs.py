"""Joules, bytes and seconds of the tiers behind the device's cache, by closed form."""

from dataclasses import replace

import numpy as np
import pytest
from closed_form_clock import ClosedFormClock, serve_watched, settings, table
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from simulator.roofline.off_device.transfers import Channel
from simulator.serving.replica.lower_tiers import CacheTiers, LowerTier, LowerTiers

TOKEN, BLOCK = 1e6, 16
HOST = LowerTier("host", 1e12, None, joules_per_byte=3e-10)
DRIVE = LowerTier("storage", 1e13, Channel(1e-4, 5e9), joules_per_byte=2e-9)
LINK = Channel(1e-5, 50e9)


def lower(*tiers: LowerTier, prefill_s=1.0, first_s=0.1, **options) -> LowerTiers:
    spec = CacheTiers(tiers, LINK, bytes_per_token=TOKEN, layers=4, **options)
    return LowerTiers(
        spec, BLOCK, lambda start, end: prefill_s * (end - start), lambda start, end: first_s
    )


def tokens(units: int) -> int:
    return units * BLOCK


def stored(cache: LowerTiers, units: int, at_s: float = 0.0) -> list[int]:
    cache.now_s = at_s
    cache.store([(unit, 1) for unit in range(units)])
    return list(range(units))


@given(st.integers(1, 40), st.sampled_from([1, 2, 4]), st.floats(0.1, 1.0))
def test_joules_follow_every_byte_down_and_up(units, lanes, share):
    cache = lower(HOST, lanes=lanes, bytes_share=share)
    size = units * BLOCK * TOKEN * share
    everything = stored(cache, units)
    assert cache.energy_j == pytest.approx(size * 3e-10 / lanes, rel=1e-9)
    cache.now_s = 1e3
    cache.load(everything, tokens)
    assert cache.energy_j == pytest.approx(2 * size * 3e-10 / lanes, rel=1e-9)
    assert cache.hit_tokens == {"host": units * BLOCK}


def test_what_goes_through_the_drive_pays_for_the_drive():
    small = replace(HOST, capacity_bytes=10 * BLOCK * TOKEN)
    cache = lower(small, DRIVE)
    for unit in range(20):
        cache.now_s = 10.0 * unit
        cache.store([(unit, 1)])
    size = BLOCK * TOKEN
    # Twenty copies into the host; ten had to make room.
    assert cache.energy_j == pytest.approx(size * (20 * 3e-10 + 10 * 2e-9), rel=1e-9)
    cache.now_s = 1e4
    before = cache.energy_j
    cache.prefetch(list(range(5)), within_s=1e3)
    # From the drive, and into the host, where five others have to make room.
    assert cache.energy_j - before >= 5 * size * 2e-9 * (1 - 1e-9)
    assert cache.count(list(range(20))) == 20


@pytest.mark.parametrize("lanes", [1, 2])
def test_copies_down_follow_on_one_another(lanes):
    cache = lower(HOST, lanes=lanes)
    units = stored(cache, 8)
    each = BLOCK * TOKEN / 50e9
    arrived = [cache._ready[unit] for unit in units]
    assert arrived == pytest.approx([each * (i // lanes + 1) for i in range(8)], rel=1e-9)


def test_a_copy_that_would_wait_too_long_is_left_out():
    slow = LowerTiers(
        CacheTiers((HOST,), Channel(0.0, BLOCK * TOKEN), bytes_per_token=TOKEN, layers=4),
        BLOCK, lambda start, end: 1.0, lambda start, end: 0.1,
    )  # fmt: skip
    # Each copy takes one second, and none begins more than five seconds from now.
    stored(slow, 20)
    assert slow.count(list(range(20))) == 6


@given(st.integers(1, 30), st.booleans(), st.floats(0.0, 1.5))
def test_a_load_begins_when_no_layer_will_be_waited_for(units, by_layer, covered):
    first_s = covered * units * BLOCK * TOKEN / 50e9
    cache = lower(HOST, by_layer=by_layer, first_s=first_s, reload="always")
    everything = stored(cache, units)
    cache.now_s = 1e3
    found = cache.choose(everything, tokens, tokens(units) + 7)
    span = 1e-5 + units * BLOCK * TOKEN / 50e9
    assert found.units == units
    assert found.ready_s == pytest.approx(1e3 + span, rel=1e-12)
    hidden_s = first_s * 3 / 4 if by_layer else 0.0
    begins_s = max(1e3 + span / 4, 1e3 + span - hidden_s)
    assert found.begins_s == pytest.approx(begins_s, rel=1e-12)


@given(
    st.integers(1, 30), st.sampled_from([0.25, 1.0]), st.sampled_from([1e9, 40e9, 1e12]),
    st.sampled_from([0.0, 5e8]),
)  # fmt: skip
def test_a_codec_works_layer_by_layer_beside_the_link(units, share, codec, per_load):
    """Packed bytes move, whole ones are written; the slower of the two is waited for."""
    cache = lower(
        HOST, first_s=10.0, reload="always", bytes_share=share, codec_bytes_per_s=codec,
        bytes_per_load=per_load,
    )  # fmt: skip
    everything = stored(cache, units)
    cache.now_s = 1e4
    found = cache.choose(everything, tokens, tokens(units) + 7)
    whole = units * BLOCK * TOKEN + per_load
    span = 1e-5 + whole * share / 50e9
    expand = whole / codec
    assert found.ready_s - 1e4 == pytest.approx(max(span, expand), rel=1e-6)
    # Compute of the other layers is long enough to hide all but the first of each.
    first = max(span / 4, expand / 4, max(span, expand) - 10.0 * 3 / 4)
    assert found.begins_s - 1e4 == pytest.approx(first, rel=1e-6)


@given(st.integers(1, 9), st.integers(1, 9))
def test_what_lies_on_a_drive_comes_over_both_ways_at_once(near, far):
    """The drive reads its own entries while the link moves all of them."""
    small = replace(HOST, capacity_bytes=near * BLOCK * TOKEN)
    cache = lower(small, DRIVE, reload="always", first_s=0.0)
    for unit in range(near + far):
        cache.now_s = 10.0 * unit
        cache.store([(unit, 1)])
    cache.now_s = 1e5
    found = cache.choose(list(range(near + far)), tokens, tokens(near + far) + 7)
    # The oldest had to give way to those that came later.
    read_s = 1e-4 + far * BLOCK * TOKEN / 5e9
    link_s = 1e-5 + (near + far) * BLOCK * TOKEN / 50e9
    assert found.units == near + far
    assert found.ready_s - 1e5 == pytest.approx(max(read_s, link_s), rel=1e-6)


@given(st.floats(1e-5, 1.0))
def test_what_is_computed_quicker_than_loaded_is_computed(token_s):
    cache = lower(HOST, prefill_s=token_s, first_s=0.0, by_layer=False)
    units = stored(cache, 10)
    cache.now_s = 1e3
    span = 1e-5 + 10 * BLOCK * TOKEN / 50e9
    found = cache.choose(units, tokens, tokens(10) + 1)
    saved_s = token_s * tokens(10)
    assert (found is not None) == (span <= saved_s)


def test_the_wait_for_a_layer_is_what_the_others_do_not_cover():
    cache = lower(HOST)
    assert cache.waits_s(1.0, 0.4) == pytest.approx(1.0 - 0.4 * 3 / 4)
    assert cache.waits_s(0.2, 0.4) == 0.0
    assert cache.waits_s(0.0, 0.4) == 0.0
    assert cache.waits_s(-1.0, 0.4) == 0.0


@effort(max_examples=15)
@given(st.integers(2, 6), st.sampled_from([1, 8]))
def test_counters_tell_the_joules_of_all_bytes_that_moved(others, devices):
    """Between a run whose tiers draw nothing and one whose tiers do lie just their bytes."""
    prompt, unit = 640, 32
    texts = [tuple(range(1000 * i, 1000 * i + prompt // unit)) for i in range(others)]
    rows = [*texts, texts[0]]
    asked = table(
        [*np.arange(others) * 10.0, 100.0], prompt + unit, 2,
        prefix_blocks=tuple((*row, 10**6 + i) for i, row in enumerate(rows)),
        prefix_block_tokens=unit,
    )  # fmt: skip
    found = []
    for joules in (0.0, 1e-9):
        tier = replace(HOST, joules_per_byte=joules)
        spec = CacheTiers(
            (tier,), LINK, bytes_per_token=TOKEN, layers=4, reload="always", devices=devices
        )
        outcome = serve_watched(
            asked,
            settings(prefix_caching=True, lower_tiers=spec, kv_blocks=50, max_batched_tokens=2048),
            ClosedFormClock(),
        )
        found.append(outcome.counters[0])
    free, paid = found
    moved = paid.read_bytes_by_tier["host"] + paid.written_bytes_by_tier["host"]
    assert moved > 0
    # Bytes are of all devices, joules of one.
    assert paid.energy_j - free.energy_j == pytest.approx(moved / devices * 1e-9, rel=1e-6)
