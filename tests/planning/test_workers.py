"""Work shared out to processes: nothing is lost when one of them ends, and nothing done twice."""

import os
import time
from concurrent.futures import Future

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.planning.workers.backends import crew_of
from simulator.planning.workers.crew import Lost, made
from simulator.planning.workers.in_order import made_in_order
from simulator.planning.workers.local import local_crew


def doubled_or_dead(number: int) -> int:
    """Twice the number; 7 ends whoever is at it, after the others have something to do."""
    time.sleep(0.02)
    if number == 7:
        os._exit(1)
    return 2 * number


@pytest.mark.slow
def test_what_ends_a_process_costs_nothing_but_itself():
    with local_crew(2) as crew:
        found = dict(pair for batch in made(doubled_or_dead, range(12), crew) for pair in batch)
    assert isinstance(found.pop(7), Lost)
    assert found == {number: 2 * number for number in range(12) if number != 7}


class Frail:
    """A crew in this process whose tasks fail when there are other ones beside them."""

    def __init__(self, window: int, fails: set[int]) -> None:
        self.window, self._fails = window, fails
        self.made: list[int] = []

    def submit(self, make, given) -> Future:
        done: Future = Future()
        if given in self._fails:
            self._fails.remove(given)
            done.set_exception(RuntimeError("gone"))
        else:
            self.made.append(given)
            done.set_result(make(given))
        return done

    def check(self) -> None:
        """There always is somebody."""


@given(st.integers(0, 30), st.integers(1, 9), st.sets(st.integers(0, 29)))
def test_everything_is_made_once_whoever_ends(count, window, fails):
    crew = Frail(window, fails & set(range(count)))
    pairs = [pair for batch in made(str, range(count), crew) for pair in batch]
    assert sorted(pairs) == [(number, str(number)) for number in range(count)]
    assert sorted(crew.made) == list(range(count))


def test_nobody_left_to_work_is_told():
    class Gone(Frail):
        def check(self) -> None:
            raise InputError("everybody is gone")

    with pytest.raises(InputError, match="everybody is gone"):
        list(made(str, [1, 2], Gone(2, {1})))


@pytest.mark.parametrize(
    ("backend", "more", "says"),
    [
        ("slurm", {}, "unknown backend"),
        ("local", {"scheduler": "tcp://a:1"}, "has no effect"),
        ("local", {"workers": 0}, "0 processes"),
        ("dask", {}, "tcp://HOST:8786"),
        ("ray", {}, "HOST:6379"),
        ("ray", {"scheduler": "a:1", "workers": 2}, "brings its own"),
    ],
)
def test_what_does_not_go_with_a_backend_is_refused(backend, more, says):
    with pytest.raises(InputError) as refused, crew_of(backend, **more):
        pass
    assert says in str(refused.value)


@pytest.mark.parametrize("workers", [1, 2])
def test_in_order_whatever_the_number_of_workers_and_a_failure_is_raised(workers):
    told: list[tuple[int, int]] = []
    found = made_in_order(halved, [4, 2, 8], workers, lambda *done: told.append(done))
    assert found == [2, 1, 4]
    assert told[-1] == (3, 3)
    assert made_in_order(halved, [], workers) == []
    with pytest.raises(ValueError, match="3 is odd"):
        made_in_order(halved, [2, 3], workers)


def halved(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2
