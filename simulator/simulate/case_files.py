"""Tables of cases as files: their columns checked, their answers beside them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.errors import InputError, nearest
from simulator.simulate.cases import Answer
from simulator.simulate.prediction import keys
from simulator.specs.csv_text import csv_lines
from simulator.specs.question import Change, flags, path_of, paths
from simulator.specs.text_file import read_text

NOTE_PREFIX = "note"
ANSWERED = frozenset({*keys(), "error"})
"""Columns that an answer writes; a case's own texts stand beside them, never in their place."""

MOST_BYTES = 500_000_000
"""Millions of rows; a table is read whole."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file of cases.

    Args:
        file: where it is from.
        columns: its columns, in order.
        fields: those among them that ask something, by the path that they stand for.
        kept: those among them that stand beside the answers and ask nothing.
        lines: the line of the file that each row stands on.
        rows: their cells by column; what is too much for the columns is left out.
        malformed: what is wrong with rows that have too few or too many cells, by number of row.
    """

    file: Path
    columns: list[str]
    fields: dict[str, str]
    kept: frozenset[str]
    lines: list[int]
    rows: list[dict[str, str]]
    malformed: dict[int, InputError]

    def questions(self) -> list[dict[str, str] | InputError]:
        """Every row without the columns that are only kept, or why it asks nothing."""
        return [
            self.malformed.get(number)
            or {name: cell for name, cell in row.items() if name not in self.kept}
            for number, row in enumerate(self.rows)
        ]

    def refuse_without_effect(self, changes: Iterable[Change]) -> None:
        """Refuse a flag that no row leaves room for.

        Raises:
            InputError: every row says its own; names the flag.
        """
        for change in changes:
            column = self.fields.get(change.path)
            if column is not None and all(row.get(column) for row in self.rows):
                raise InputError(
                    f"has no effect: every row says its own in the column {column!r}",
                    file=change.written,
                    remedy="leave it out, or leave cells of that column empty",
                )


def read_cases(path: Path, keep: Iterable[str] = (), changes: Iterable[Change] = ()) -> Table:
    """A CSV file of cases.

    Columns are flags or paths of a scenario. Others are kept beside the answers only where their
    name begins with ``note`` or stands in ``keep``. ``changes`` hold for every row whose own cell
    is empty.

    Raises:
        InputError: unreadable, empty, without what every case needs, a column that is no field
            (suggests the nearest), or two of one field.
    """
    lines = csv_lines(read_text(path, MOST_BYTES, "cases"), path)
    _, columns = next(lines, (1, []))
    kept = frozenset(keep)
    kept |= {name for name in columns if name.startswith(NOTE_PREFIX)}
    fields = _checked_columns(path, columns, kept)
    found = Table(path, columns, fields, kept, [], [], {})
    for number, (line, cells) in enumerate(lines):
        found.lines.append(line)
        found.rows.append(dict(zip(columns, cells, strict=False)))
        if len(cells) != len(columns):
            found.malformed[number] = InputError(
                f"{len(cells)} cells for {len(columns)} columns",
                remedy="put a text that holds a comma into quotation marks",
            )
    named = [*fields, *(change.path for change in changes)]
    for name in ("hardware", "model"):
        if not any(path.split(".")[0] == name for path in named):
            raise _line_1(
                path,
                f"the column {name!r} is missing",
                "the columns are the names of predict's flags: hardware, model, phase, …",
            )
    return found


def _checked_columns(file: Path, columns: list[str], kept: frozenset[str]) -> dict[str, str]:
    """Paths of the columns that ask something, and the names of these."""
    fields: dict[str, str] = {}
    for name in columns:
        if name not in kept:
            path = _path_of_column(name, file)
            if path in fields:
                both = dict.fromkeys((fields[path], name))
                twice = " and ".join(repr(each) for each in both)
                raise _line_1(file, f"the column {twice} stands twice")
            fields[path] = name
        elif name in ANSWERED:
            problem = f"the column {name!r} is called like one of the answer's"
            raise _line_1(file, problem, f"call it note_{name}")
        elif columns.count(name) > 1:
            raise _line_1(file, f"the column {name!r} stands twice")
    unknown = kept - set(columns)
    if unknown:
        name = min(unknown)
        raise InputError(
            f"there is no column {name!r}", file="--keep", remedy=nearest(name, columns)
        )
    return fields


def _path_of_column(name: str, file: Path) -> str:
    known = paths()
    try:
        path = path_of(name, f"column {name!r}")
        if path.split(".")[0] in ("hardware", "model") or path in known:
            return path
    except InputError:
        pass
    near = nearest(name, [*flags(), *(known if "." in name else ())])
    remedy = f"{near} To keep it beside the answers, name it --keep {name} or note_{name}"
    raise _line_1(file, f"the column {name!r} is no field of a case", remedy)


def _line_1(file: Path, problem: str, remedy: str | None = None) -> InputError:
    return InputError(problem, file=file, field="line 1", remedy=remedy)


Row = dict[str, Any]


def answered_rows(table: Table, answers: list[Answer]) -> tuple[list[str], Iterator[Row]]:
    """Column names and rows of the output: the cases' own columns, the answers', and ``error``."""
    result_columns = [k for k in keys() if k not in table.columns]
    header = [*table.columns, *result_columns, "error"]

    def rows() -> Iterator[Row]:
        for line, case, found in zip(table.lines, table.rows, answers, strict=True):
            if isinstance(found, Exception):
                yield {**case, "error": f"{table.file}: line {line}: {in_one_line(found)}"}
            else:
                yield {**found, **{k: v for k, v in case.items() if v}, "error": ""}

    return header, rows()


def in_one_line(error: Exception) -> str:
    """Why a row has no answer; a fault of the program's own is told by its kind."""
    text = "; ".join(filter(None, (line.strip() for line in str(error).splitlines())))
    return text if isinstance(error, InputError) else f"{FAULT}: {type(error).__name__}: {text}"


FAULT = "internal failure, please report it"
"""How the program says that it is at fault, not the question."""


def faults(answers: Iterable[Answer | Mapping[str, Any]]) -> list[Exception]:
    """Answers that the program failed to give."""
    failed = (each for each in answers if isinstance(each, Exception))
    return [each for each in failed if not isinstance(each, InputError)]
