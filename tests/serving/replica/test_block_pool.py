"""The block pool beside a plain account of who holds what, token by token."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.serving.replica.block_pool import BlockPool
from simulator.serving.traffic.request import Request

BLOCK, UNIT = 16, 64


def pool(total: int = 1000, unit: int = UNIT, **options) -> BlockPool:
    plain = {"ahead": 0, "partial_units": True, "lower": None, "remembers": False}
    return BlockPool(total, BLOCK, unit, **(plain | options))


def prompt(tokens: int, units: int | None = None, index: int = 0) -> Request:
    """A prompt whose text is hashed in ``units`` units, which may reach past its end."""
    count = -(-tokens // UNIT) if units is None else units
    return Request(index, 0.0, tokens, 50, deadline_s=0.0, prefix=tuple(range(count)))


def computed(cache: BlockPool, request: Request) -> None:
    """Computed from its first token to the end of its prompt, and done."""
    assert cache.admit(request, request.input_tokens, cache.cached_units(request))
    request.computed = request.input_tokens
    cache.release(request)


@given(st.integers(1, 1000))
def test_who_comes_second_finds_all_whole_blocks_but_that_of_the_last_token(tokens):
    """A last unit that reaches past the prompt stands for the prompt's end."""
    cache = pool()
    first, second = prompt(tokens), prompt(tokens, index=1)
    assert cache.cached_units(first) == 0
    computed(cache, first)
    assert cache.free == 1000
    units = cache.cached_units(second)
    assert cache.cached_tokens(second, units) == (tokens - 1) // BLOCK * BLOCK
    # A longer prompt that goes on from there has another hash where the first one ended.
    longer = prompt(tokens + UNIT, index=2)
    longer.prefix = (*range(tokens // UNIT), 9998, 9999)
    assert cache.cached_tokens(longer, cache.cached_units(longer)) == tokens // UNIT * UNIT


@given(st.integers(1, 1000), st.integers(0, 3))
def test_answers_fill_the_last_unit_where_hashes_go_on(tokens, further):
    """A unit that holds some of the answer is of no use to a prompt that ends within it."""
    cache = pool(partial_units=False)
    units = -(-tokens // UNIT) + further
    first, second = prompt(tokens, units), prompt(tokens, units, index=1)
    computed(cache, first)
    found = cache.cached_units(second)
    assert found == tokens // UNIT
    whole = found * UNIT // BLOCK
    assert cache.cached_tokens(second, found) == min(whole, (tokens - 1) // BLOCK) * BLOCK
    assert cache.units_behind(second, 0) == tuple(range(tokens // UNIT))
    assert cache.units_behind(second, found) == ()


@given(
    st.integers(1, 400), st.integers(0, 20), st.integers(0, 60), st.integers(0, 8),
    st.integers(0, 400),
)  # fmt: skip
def test_a_sequence_comes_in_where_its_blocks_are_free_and_the_spare_ones_stay(
    tokens, ahead, free, spare, least
):
    cache = pool(free, unit=0, ahead=ahead)
    request = Request(0, 0.0, tokens, 50, deadline_s=0.0)
    own = -(-(tokens + ahead) // BLOCK)
    wanted = max(own, -(-(least + ahead) // BLOCK))
    fits = wanted + spare <= free
    assert cache.has_room(request, tokens, 0, spare, least) == fits
    assert cache.admit(request, tokens, 0, spare, least) == fits
    # What is only looked for is not taken.
    assert cache.free == (free - own if fits else free)
    assert request.blocks == (own if fits else 0)
    if fits:
        more = tokens + 3 * BLOCK
        grows = 3 + spare <= cache.free
        assert cache.grow(request, more, spare) == grows
        assert request.blocks == own + 3 * grows
        assert cache.grow(request, tokens, 0)
        cache.release(request)
    assert cache.free == cache.unused == free


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 70))
def test_what_nobody_holds_gives_way_and_goes_to_the_tier_below(units, others, spare):
    stored = []
    below = SimpleNamespace(store=stored.extend, clear=stored.clear)
    total = max(units, others) * UNIT // BLOCK + spare
    cache = pool(total, lower=below)
    computed(cache, prompt(units * UNIT))
    assert cache.unused == total - units * UNIT // BLOCK
    stranger = prompt(others * UNIT, index=1)
    stranger.prefix = tuple(range(1000, 1000 + others))
    assert cache.admit(stranger, others * UNIT, 0)
    kept = (total - others * UNIT // BLOCK) // (UNIT // BLOCK)
    # Tails go before heads, each with the blocks that it filled.
    assert stored == [(n, UNIT // BLOCK) for n in reversed(range(min(kept, units), units))]
    assert cache.cached_units(prompt(units * UNIT)) == min(kept, units)


def test_a_replica_that_goes_down_forgets():
    cache = pool(remembers=True)
    computed(cache, prompt(300))
    held = prompt(200, index=1)
    assert cache.admit(held, 200, 0)
    cache.clear()
    assert cache.free == cache.unused == 1000
    assert cache.cached_units(prompt(300)) == 0


@pytest.mark.parametrize("remembers", [True, False])
@given(tokens=st.integers(1, 400), target=st.integers(2, 500))
def test_a_sequence_that_was_thrown_out_finds_its_full_blocks(remembers, tokens, target):
    cache = pool(unit=0, remembers=remembers)
    request = Request(3, 0.0, tokens, 500, deadline_s=0.0)
    assert cache.admit(request, tokens, 0)
    request.computed = tokens
    cache.throw_out(request)
    assert cache.free == 1000
    request.target = target
    # The last token is computed in any case, since it gives the next one.
    full = min(tokens // BLOCK, (target - 1) // BLOCK) * BLOCK
    assert cache.remembered_tokens(request) == (full if remembers else 0)
