"""JSON of traces and results: one object, a list of them, or one a line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.specs.json_text import NotJsonError, read_json
from simulator.traces.row import bad_row


def json_objects(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The object of every line that holds anything, with the line's number.

    Raises:
        InputError: a line that is no object; names it.
    """
    for line, content in enumerate(text.splitlines(), start=1):
        if not content.strip():
            continue
        try:
            fields = read_json(content)
        except NotJsonError as error:
            raise bad_row(path, line, str(error), "is the line whole? take it out if not") from None
        if not isinstance(fields, dict):
            raise bad_row(path, line, "expected an object")
        yield line, fields


def json_document(text: str, path: Path) -> object:
    """The value that the whole text is.

    Raises:
        InputError: it is no JSON; names the line.
    """
    try:
        return read_json(text)
    except NotJsonError as error:
        line = None if error.line is None else f"line {error.line}"
        raise InputError(
            str(error), file=path, field=line, remedy="is the file whole? write it again"
        ) from None


def json_object(text: str, path: Path) -> dict[str, Any]:
    """The one object that the whole text is.

    Raises:
        InputError: it is none.
    """
    found = json_document(text, path)
    if not isinstance(found, dict):
        raise InputError("expected an object", file=path)
    return found
