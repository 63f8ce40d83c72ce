"""A folder of agentic sessions, one a file, read as one trace."""

from collections.abc import Callable, Iterator
from pathlib import Path

from simulator.errors import FieldError, InputError
from simulator.specs.workload import Trace
from simulator.traces.format import Head
from simulator.traces.json_formats import (
    JSON_FORMATS,
    weka_block_tokens,
    weka_hashes_are_global,
    weka_rows,
)
from simulator.traces.row import Row

_SUFFIXES = (".json", ".json.gz")

_OWN = 1 << 64
"""Hashes mean something within their own session only; so far apart are those of two."""


def folder_rows(
    folder: Path, trace: Trace, text_of: Callable[[Path], str]
) -> tuple[Iterator[Row], int]:
    """Rows of all WEKA sessions in ``folder`` by time, and the tokens that a hash stands for.

    Files that are not JSON by their name are left alone.

    Raises:
        InputError: no session, a file that is none, or blocks of different sizes; names the file.
    """
    try:
        files = sorted(file for file in folder.iterdir() if file.name.endswith(_SUFFIXES))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=folder) from None
    if not files:
        raise InputError(
            "the folder holds no .json or .json.gz file", file=folder, field="workload.file",
            remedy="name a trace file, or a folder of WEKA sessions",
        )  # fmt: skip
    if trace.format not in ("auto", "weka"):
        raise InputError(
            f"a folder is read as WEKA sessions, not as {trace.format}", file=folder,
            field="workload.format", remedy="name one file",
        )  # fmt: skip
    rows: list[Row] = []
    block_tokens = 0
    for number, file in enumerate(files):
        text = text_of(file)
        if not JSON_FORMATS["weka"].recognises(Head(text)):
            raise InputError(
                "this file of the folder is not a WEKA session", file=file,
                remedy="an object with requests and block_size is one; take other files out",
            )  # fmt: skip
        try:
            own = weka_block_tokens(text)
        except FieldError as error:
            raise InputError(str(error), file=file, remedy=error.remedy) from None
        if block_tokens not in (0, own):
            raise InputError(
                f"its blocks hold {own} tokens, those of {files[0].name} {block_tokens}",
                file=file, field="block_size", remedy="read sessions of one block size together",
            )  # fmt: skip
        block_tokens = own
        rows += _session(text, file, trace, number)
    return iter(sorted(rows, key=lambda row: row.arrival_s)), block_tokens


def _session(text: str, file: Path, trace: Trace, number: int) -> Iterator[Row]:
    """One session's rows, known by the number of its file, in times that never fall."""
    base = 0 if weka_hashes_are_global(text) else number * _OWN
    last_s = 0.0
    for row in weka_rows(text, file, trace):
        last_s = max(last_s, row.arrival_s)
        hashes = tuple([base + unit for unit in row.hashes]) if base else row.hashes
        yield row._replace(arrival_s=last_s, hashes=hashes, session=number)
