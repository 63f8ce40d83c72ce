"""What was skipped is counted at the end of every run of the tests."""

from pathlib import Path

pytest_plugins = "pytester"

SOME_SKIP = """
import pytest

@pytest.mark.parametrize("number", range(5))
def test_of_data(number):
    if number > 1:
        pytest.skip("the measured data is not here")

def test_elsewhere():
    pytest.skip("another machine")
"""


def test_skips_are_counted_by_their_reason(pytester):
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text())
    pytester.makepyfile(SOME_SKIP)
    found = pytester.runpytest_inprocess()
    found.assert_outcomes(passed=2, skipped=4)
    found.stdout.fnmatch_lines(
        ["*4 tests were skipped*", "    3  the measured data is not here", "    1  another machine"]
    )


def test_nothing_is_said_where_nothing_was_skipped(pytester):
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text())
    pytester.makepyfile("def test_it(): pass")
    assert "were skipped" not in pytester.runpytest_inprocess().stdout.str()
