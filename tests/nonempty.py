"""Loops of tests that have something to check."""

from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


def nonempty(items: Iterable[Item]) -> list[Item]:
    """The items, of which there must be some: a test that goes over nothing tells nothing."""
    found = list(items)
    assert found, "there is nothing to check"
    return found
