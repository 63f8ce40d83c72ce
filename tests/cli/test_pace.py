"""How far work is and how long it will take, on stderr."""

import sys
from io import StringIO

import pytest

from simulator.cli import pace
from simulator.cli.pace import Pace, PaceReport


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (Pace(200, 1200, 5000, 50.0), "1,200 of 5,000 rows, 20 rows/s, 190 s left"),
        (Pace(0, 10, 40_000, 10.0), "10 of 40,000 rows, 1 rows/s, 11.1 h left"),
        (Pace(7, 7, 9, 0.0), "7 of 9 rows"),
        (Pace(0, 9, 9, 3.0), "9 of 9 rows"),
    ],
)
def test_a_pace_counts_what_was_done_since_the_first_look(at, words):
    assert at.words("rows") == words


def test_a_pipe_is_told_now_and_then(monkeypatch):
    clock = iter([0.0, 1.0, 5.0, 12.0, 13.0, 30.0])
    monkeypatch.setattr(pace.time, "monotonic", clock.__next__)
    told = StringIO()
    monkeypatch.setattr(sys, "stderr", told)
    with PaceReport("rows") as report:
        for done in (10, 20, 30, 40, 50):
            report(done, 60)
    assert told.getvalue().splitlines() == [
        "roofsim: 30 of 60 rows, 1.82 rows/s, 16.5 s left",
        "roofsim: 50 of 60 rows, 1.38 rows/s, 7.25 s left",
    ]
