"""Rows of a sweep in a file that grows while they are found, and is read again to go on.

The file is an SQLite database. Its view ``results`` has a column for every swept field and every
figure, for whoever asks it in SQL; what answers are compared by is kept as it was answered.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.files.locks import reserved

_APPLICATION = 0x726F6F66
"""What the head of an SQLite file says of whose it is: "roof"."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a file of results is about; two of them never mix.

    Args:
        name: of the scenario that the rows change.
        base: that scenario as JSON.
        fields: the paths that are swept.
        columns: what every answered row holds beside them.
        program: the version that answers, see ``identity.program``.
    """

    name: str
    base: str
    fields: tuple[str, ...]
    columns: tuple[str, ...]
    program: str


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One question and what became of it.

    Args:
        key: see ``identity.question_key``.
        point: the values of the swept fields, by path.
        answer: by column; None where the question has none.
        error: why it has none, in one line.
    """

    key: str
    point: Mapping[str, object]
    answer: Mapping[str, Any] | None = None
    error: str = ""


class ResultsFile:
    """The rows that a file holds, and those that are added to it."""

    def __init__(self, connection: sqlite3.Connection, subject: Subject) -> None:
        self._connection, self._subject = connection, subject

    def answered(self) -> set[str]:
        """The keys of all questions that have an answer."""
        found = self._connection.execute("SELECT key FROM rows WHERE answer IS NOT NULL")
        return {key for (key,) in found}

    def add(self, rows: Iterable[StoredRow]) -> None:
        """Keep rows, those asked again in place of what they were; now they outlast the process."""
        with self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO rows (key, point, answer, error) VALUES (?, ?, ?, ?)",
                (self._written(row) for row in rows),
            )

    def rows(self) -> Iterator[StoredRow]:
        """All of them, in the order in which they were found."""
        found = self._connection.execute("SELECT key, point, answer, error FROM rows")
        for key, point, answer, error in found:
            values = None if answer is None else json.loads(answer)
            known = None if values is None else dict(zip(self._columns, values, strict=True))
            yield StoredRow(key, json.loads(point), known, error)

    @property
    def _columns(self) -> tuple[str, ...]:
        return self._subject.columns

    def _written(self, row: StoredRow) -> tuple[str, str, str | None, str]:
        answer = row.answer
        values = None if answer is None else [answer.get(name) for name in self._columns]
        written = None if values is None else json.dumps(values, allow_nan=False)
        return row.key, json.dumps(row.point, default=str), written, row.error


@contextmanager
def results_file(path: Path, subject: Subject) -> Iterator[ResultsFile]:
    """The file of results about ``subject`` at ``path``, made where there is none.

    Raises:
        InputError: the file is damaged, is about something else or is no such file, and stays as
            it is; another run writes to it; or it cannot be written.
    """
    with reserved(path), _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path)
        try:
            _open(connection, path, subject)
            yield ResultsFile(connection, subject)
        finally:
            connection.close()


@contextmanager
def passing_results(subject: Subject) -> Iterator[ResultsFile]:
    """Results that are kept in memory alone."""
    connection = sqlite3.connect(":memory:")
    try:
        _make(connection, subject)
        yield ResultsFile(connection, subject)
    finally:
        connection.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say of the file what the database or the system says of it."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise InputError(
            f"cannot be written: {error}",
            file=path,
            remedy="choose another file with --out, one that you may write to and that has room; "
            "finished rows are kept",
        ) from None
    except (sqlite3.DatabaseError, json.JSONDecodeError) as error:
        raise _damaged(path, str(error)) from None
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", file=path, remedy="choose another with --out"
        ) from None


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(
        f"is damaged, or no file of results: {reason}",
        file=path,
        remedy="name another file with --out; this one stays as it is, and sqlite3 FILE .recover "
        "may show what is left in it",
    )


def _open(connection: sqlite3.Connection, path: Path, subject: Subject) -> None:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if not tables and not application:
        _make(connection, subject)
        return
    if application != _APPLICATION:
        raise InputError(
            "is a database of something else",
            file=path,
            remedy="name another file with --out",
        )
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != ("ok",):
        raise _damaged(path, str(found[0]))
    ((text,),) = connection.execute("SELECT content FROM subject").fetchall()
    _check_subject(path, json.loads(text), _content(subject))


def _check_subject(path: Path, has: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Refuse a file that is about another sweep.

    Raises:
        InputError: says in what they differ.
    """
    for field, words in _DIFFERENCES.items():
        one, other = has.get(field), asked[field]
        if one != other:
            if isinstance(one, list) and isinstance(other, list):
                one, other = ", ".join(map(str, one)), ", ".join(map(str, other))
            raise InputError(
                f"holds another sweep: {words.format(has=one, asked=other)}",
                file=path,
                remedy="name another file with --out; the rows of this one are kept",
            )


_DIFFERENCES = {
    "name": "its scenario is {has}, not {asked}",
    "fields": "it sweeps {has}, not {asked}",
    "base": "its scenario differs in what is not swept",
    "program": "it was answered by roofsim {has}, and this is {asked}",
    "columns": "its rows hold other figures",
}


def _make(connection: sqlite3.Connection, subject: Subject) -> None:
    with connection:
        # In one piece: a file that exists either has all of this or nothing.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute("CREATE TABLE subject (content TEXT NOT NULL)")
        connection.execute(
            "CREATE TABLE rows (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, "
            "point TEXT NOT NULL, answer TEXT, error TEXT NOT NULL)"
        )
        connection.execute(f"CREATE VIEW results AS SELECT {_selected(subject)} FROM rows")
        content = json.dumps(_content(subject))
        connection.execute("INSERT INTO subject (content) VALUES (?)", (content,))


def _content(subject: Subject) -> dict[str, object]:
    return {
        "name": subject.name,
        "base": subject.base,
        "fields": sorted(subject.fields),
        "columns": list(subject.columns),
        "program": subject.program,
    }


def _selected(subject: Subject) -> str:
    """Every field and figure as a column of SQL; a field that is called like a figure stands."""
    fields = [_column(f"point, '$.\"{name}\"'", name) for name in subject.fields]
    figures = [
        _column(f"answer, '$[{place}]'", name)
        for place, name in enumerate(subject.columns)
        if name not in subject.fields
    ]
    return ", ".join([*fields, *figures, "error"])


def _column(source: str, name: str) -> str:
    return f'json_extract({source}) AS "{name}"'
