"""The page that derives a token's dollars and joules by hand gives what the tool gives."""

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "by-hand.md"


def test_the_page_is_right():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried > 15
    assert not failed
