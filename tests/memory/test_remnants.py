"""What is left in freed blocks."""

from simulator.memory.remnants import Remnants


def test_the_oldest_goes_first_and_of_it_the_end():
    remnants = Remnants()
    remnants.leave(1, 10)
    remnants.leave(2, 5)
    remnants.shrink(12)
    assert (remnants.of(1), remnants.of(2), remnants.blocks) == (7, 5, 12)
    remnants.shrink(4)
    assert (remnants.of(1), remnants.of(2), remnants.blocks) == (0, 4, 4)


def test_what_its_owner_fetches_is_no_remnant():
    remnants = Remnants()
    remnants.leave(1, 10)
    remnants.leave(2, 5)
    remnants.fetch(1)
    remnants.fetch(3)
    assert (remnants.of(1), remnants.blocks) == (0, 5)
