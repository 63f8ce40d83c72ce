"""Batches known through sums, and runs of steps, against sequences counted one by one."""

import pytest
from closed_form_clock import Line
from hypothesis import given
from hypothesis import strategies as st
from nonempty import nonempty

from simulator.roofline.step.decoding import UNBOUNDED, steps_for
from simulator.serving.replica.batch import NEVER, DecodeBatch
from simulator.serving.replica.macro_step import steps_until
from simulator.serving.traffic.request import Request


class Mode:
    """A mode whose steps gain some tokens on average."""

    def __init__(self, tokens, width):
        self.tokens, self.width, self.up_to = tokens, width, UNBOUNDED

    def steps_of(self, tokens, *answer):
        return None


class Counted:
    """The same batch as a list of (request, tokens at joining, position at joining)."""

    def __init__(self, size, mode):
        self.size, self.mode, self.tick, self.rows = size, mode, 0, []

    def position(self, steps=0):
        return int((self.tick + steps) * self.mode.tokens)

    def tokens(self, row, steps=0):
        _, computed, joined = row
        return computed + self.position(steps) - joined

    def blocks(self, row, steps=0):
        return -(-(self.tokens(row, steps) + self.mode.width - 1) // self.size)

    def blocks_for(self, steps):
        return sum(self.blocks(row, steps) - self.blocks(row) for row in self.rows)


def request(number, computed, left):
    one = Request(number, 0.0, computed, left + 1, deadline_s=0.0)
    one.computed, one.generated = computed, 1
    return one


moves = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.integers(1, 70), st.integers(1, 60)),
        st.tuples(st.just("advance"), st.integers(1, 30), st.just(0)),
        st.tuples(st.just("leave"), st.integers(0, 9), st.just(0)),
    ),
    min_size=1,
    max_size=25,
)
modes = st.sampled_from([(1, 1), (2.3, 4), (3, 3)])


@given(moves, st.sampled_from([4, 16]), modes, st.integers(1, 40), st.integers(0, 60))
def test_sums_agree_with_counting(steps, size, how, ahead, blocks):
    mode = Mode(*how)
    batch, counted = DecodeBatch(size, mode), Counted(size, mode)
    for number, (move, one, other) in enumerate(nonempty(steps)):
        if move == "join":
            asked = request(number, one, other)
            batch.join(asked, other)
            counted.rows.append((asked, one, counted.position()))
        elif move == "advance" and counted.rows:
            most = batch.next_end - batch.tick
            taken = min(one, most)
            gained = batch.advance(taken)
            before = counted.position()
            counted.tick += taken
            assert gained == (counted.position() - before) * len(counted.rows)
            ended, surplus = batch.pop_ended()
            over = 0
            for row in list(counted.rows):
                asked, computed, joined = row
                left = asked.output_tokens - 1
                if counted.position() - joined >= left:
                    counted.rows.remove(row)
                    over += counted.position() - joined - left
                    assert asked in ended
                    assert asked.generated == asked.output_tokens
                    assert asked.computed == computed + left
                    assert asked.blocks == counted.blocks(row)
            assert surplus == over
        elif move == "leave" and counted.rows:
            row = counted.rows.pop(one % len(counted.rows))
            asked = row[0]
            batch.leave(asked)
            assert asked.computed == counted.tokens(row)
            assert asked.generated == 1 + counted.position() - row[2]
            assert asked.blocks == counted.blocks(row)
        assert list(batch.sequences.values()) == [row[0] for row in counted.rows]
        if not counted.rows:
            assert batch.next_end == NEVER
            continue
        total = sum(counted.tokens(row) for row in counted.rows)
        exact = (counted.tick * mode.tokens - counted.position()) * len(counted.rows)
        assert batch.context == pytest.approx((total + exact) / len(counted.rows), rel=1e-12)
        ends = [
            steps_for(joined + asked.output_tokens - 1, mode.tokens)
            for asked, _, joined in counted.rows
        ]
        assert batch.next_end == min(ends)
        for some in (1, 2, ahead):
            assert batch.blocks_for(some) == counted.blocks_for(some)
        needed = [counted.blocks_for(steps) for steps in range(1, ahead + 1)]
        for room in {blocks, *needed}:
            fitting = [steps for steps, own in enumerate(needed, 1) if own <= room]
            assert batch.steps_within(room, ahead) == max(fitting, default=1)


@given(
    st.floats(1e-3, 1.0), st.floats(0.0, 1e-5), st.floats(1.0, 1e4), st.floats(-1.0, 400.0),
    st.integers(1, 300), st.floats(1e-4, 2.0),
)  # fmt: skip
def test_the_fewest_steps_that_last_so_long(base, slope, context, elapsed_s, most, guess):
    curve = Line(base, slope, 300.0)
    steps, time_s, energy_j = steps_until(curve, context, elapsed_s, most, guess)
    assert (time_s, energy_j) == curve.run(context, steps)
    assert 1 <= steps <= most
    assert time_s >= elapsed_s * (1 - 1e-12) or steps == most
    if steps > 1:
        # The step before the last one ends too early, or a hair's breadth off.
        assert curve.run(context, steps - 1)[0] <= elapsed_s * (1 + 1e-9) + 1e-12


@given(st.integers(0, 500), st.sampled_from([1, 2, 3, 1.5, 2.7, 3.9]))
def test_steps_for_so_many_tokens(tokens, gain):
    steps = steps_for(tokens, gain)
    assert int(steps * gain) >= tokens
    assert steps == 0 or int((steps - 1) * gain) < tokens
