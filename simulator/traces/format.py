"""What a trace format is, and what is seen of a file to tell which one it has."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from simulator.specs.json_text import NotJsonError, read_json
from simulator.specs.workload import Trace
from simulator.traces.row import Row

Reader = Callable[[str, Path, Trace], Iterator[Row]]
"""(text, its file, what the user says of it) → its requests, one by one."""


class Head:
    """The beginning of a trace's text: its first line, as CSV columns or as a JSON object."""

    def __init__(self, text: str) -> None:
        self._text = text.lstrip()

    @cached_property
    def line(self) -> str:
        """The first line."""
        return self._text.split("\n", 1)[0].strip()

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that the first line names; none where the text is JSON."""
        return () if self.is_json else tuple(name.strip() for name in self.line.split(","))

    @cached_property
    def fields(self) -> Mapping[str, Any]:
        """The first line's JSON object, or the whole text's; empty where there is none."""
        if not self.is_json:
            return {}
        found = parsed(self.line)
        if not isinstance(found, dict):
            found = parsed(self._text)
        return found if isinstance(found, dict) else {}

    @property
    def is_json(self) -> bool:
        """Whether the text begins as a JSON object does."""
        return self._text.startswith("{")


def parsed(text: str) -> object:
    """The JSON value that ``text`` spells; None where it is none."""
    try:
        return read_json(text)
    except NotJsonError:
        return None


def _no_hashes(_text: str) -> int:
    return 512


@dataclass(frozen=True, slots=True)
class Format:
    """One format of traces.

    Args:
        described: the format for people, as messages list it.
        rows: reads the requests.
        recognises: whether a file that begins so is in this format; the first that does wins.
        hash_tokens: prompt tokens that one of a row's hashes stands for, from the text.
    """

    described: str
    rows: Reader
    recognises: Callable[[Head], bool]
    hash_tokens: Callable[[str], int] = _no_hashes
