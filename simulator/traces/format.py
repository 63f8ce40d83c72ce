"""What a format of traces and results is, and what is seen of a file to tell which it has."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from simulator.specs.json_text import NotJsonError, read_json
from simulator.specs.workload import Trace
from simulator.traces.results.measured_run import RunReader
from simulator.traces.row import Row

Reader = Callable[[str, Path, Trace], Iterator[Row]]
"""(text, its file, what the user says of it) → its requests, one by one."""


class Head:
    """The beginning of a text: its first line, as CSV columns, or its first JSON object."""

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
        """The first line's JSON object, or the whole text's; empty where there is none.

        Of a list it is the first member.
        """
        return self.first_line_fields or self._whole_fields

    @cached_property
    def first_line_fields(self) -> Mapping[str, Any]:
        """The JSON object that the first line is; empty where it is none."""
        return _first_object(parsed(self.line)) if self.is_json else {}

    @cached_property
    def _whole_fields(self) -> Mapping[str, Any]:
        return _first_object(parsed(self._text)) if self.is_json else {}

    @property
    def is_json(self) -> bool:
        """Whether the text begins as a JSON object or a list does."""
        return self._text.startswith(("{", "["))

    @property
    def text(self) -> str:
        """All of it, for formats that the first line does not tell."""
        return self._text


def _first_object(found: object) -> Mapping[str, Any]:
    if isinstance(found, list):
        found = found[0] if found else None
    return found if isinstance(found, dict) else {}


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
    """One format of traces or results.

    Args:
        described: the format for people, as messages list it.
        rows: reads the requests; refuses a file that keeps none, and says what would.
        recognises: whether a file that begins so is in this format; the first that does wins.
        hash_tokens: prompt tokens that one of a row's hashes stands for, from the text.
        runs: reads the measured runs; absent where the format has none.
        is_table: whether it is lines of columns; else it is JSON, or a text of its own.
        tells_times: whether rows say when requests arrive; else the user must.
        note: what is to be said of how it is read.
    """

    described: str
    rows: Reader
    recognises: Callable[[Head], bool]
    hash_tokens: Callable[[str], int] = _no_hashes
    runs: RunReader | None = None
    is_table: bool = False
    tells_times: bool = True
    note: str = ""
