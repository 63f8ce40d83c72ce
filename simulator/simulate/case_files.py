"""Tables of cases as files: their columns checked, their answers beside them."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.errors import InputError, nearest
from simulator.simulate.cases import Answer
from simulator.simulate.prediction import keys
from simulator.specs.question import flags, path_of, paths

NOTE_PREFIX = "note"
ANSWERED = frozenset({*keys(), "error"})
"""Columns that an answer writes; a case's own texts stand beside them, never in their place."""


def read_cases(path: Path, keep: Iterable[str] = ()) -> tuple[list[str], list[dict[str, str]]]:
    """Column names and rows of a CSV file of cases.

    Columns are flags or paths of a scenario. Others are kept beside the answers only where their
    name begins with ``note`` or stands in ``keep``.

    Raises:
        InputError: unreadable, empty, a column twice, without the columns that every case needs,
            or with one that is no field (suggests the nearest).
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            rows = list(reader)
    except FileNotFoundError:
        raise InputError("no such file", file=path, field="cases") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read: {error}", file=path) from None
    for name in ("hardware", "model"):
        if name not in columns:
            raise InputError(
                f"the column {name!r} is missing",
                file=path,
                field="line 1",
                remedy="the columns are the names of predict's flags: hardware, model, phase, …",
            )
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise InputError(f"the column {twice[0]!r} stands twice", file=path, field="line 1")
    kept = set(keep)
    for name in columns:
        if not _is_kept(name, kept):
            _check_column(name, path)
        elif name in ANSWERED:
            raise InputError(
                f"the column {name!r} is called like one of the answer's",
                file=path,
                field="line 1",
                remedy=f"call it note_{name}",
            )
    return columns, rows


def _check_column(name: str, file: Path) -> None:
    known = paths()
    try:
        path = path_of(name, f"column {name!r}")
        named = path.split(".")[0] in ("hardware", "model") or path in known
    except InputError:
        named = False
    if not named:
        near = nearest(name, [*flags(), *(known if "." in name else ())])
        raise InputError(
            f"the column {name!r} is no field of a case",
            file=file,
            field="line 1",
            remedy=f"{near} To keep it beside the answers, name it --keep {name} or note_{name}",
        )


def _is_kept(name: str, keep: Iterable[str]) -> bool:
    return name.startswith(NOTE_PREFIX) or name in set(keep)


def questions_in(
    rows: Iterable[Mapping[str, str]], keep: Iterable[str] = ()
) -> list[dict[str, str]]:
    """The rows without the columns that are only kept."""
    kept = set(keep)
    return [{k: v for k, v in row.items() if not _is_kept(k, kept)} for row in rows]


def answered_rows(
    columns: list[str], cases: list[dict[str, str]], answers: list[Answer]
) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """Column names and rows of the output: the cases' own columns, the answers', and ``error``."""
    result_columns = [k for k in keys() if k not in columns]
    header = [*columns, *result_columns, "error"]

    def rows() -> Iterator[dict[str, Any]]:
        for case, found in zip(cases, answers, strict=True):
            if isinstance(found, InputError):
                yield {**case, "error": " ".join(str(found).split())}
            else:
                found.update({k: v for k, v in case.items() if v}, error="")
                yield found

    return header, rows()
