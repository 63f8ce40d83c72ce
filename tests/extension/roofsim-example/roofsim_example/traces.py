"""A trace format: seconds, prompt and answer, with semicolons between them."""

from collections.abc import Iterator
from pathlib import Path

from simulator.specs.workload import Trace
from simulator.traces.format import Format
from simulator.traces.row import Row, seconds, tokens

HEADER = "at;prompt;answer"


def rows(text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    """One request a line."""
    for line, content in enumerate(text.splitlines()[1:], start=2):
        at, prompt, answer = content.split(";")
        yield Row(
            line,
            seconds(at, "at", 1.0, path, line),
            tokens(prompt, "prompt", path, line),
            tokens(answer, "answer", path, line),
        )


SEMICOLONS = Format(
    f"text with {HEADER} (the example package)", rows, lambda head: head.line == HEADER
)
