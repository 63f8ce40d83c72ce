"""The accuracy tables of README and documentation, written from one result that is kept.

``python -m simulator.validation.accuracy_page --data FOLDER`` measures and keeps the errors in
``docs/accuracy.json``; with or without data it then writes the marked sections of every page from
that file, so that no two of them can differ.
"""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from simulator.errors import InputError, nearest
from simulator.files.whole_file import whole_file
from simulator.units import percent
from simulator.validation.accuracy import Entry, measure

RESULT = Path("docs/accuracy.json")
PAGES = (Path("README.md"), Path("docs/validation.md"))
"""What was measured, and the pages that tell of it, from the root of the checkout."""


def sections(entries: Sequence[Entry]) -> dict[str, str]:
    """Every table as Markdown, by the name that pages call it."""
    by_table: dict[str, list[Entry]] = {}
    for entry in entries:
        by_table.setdefault(entry.table, []).append(entry)
    return {
        name: _listed(found) if all(not e.column for e in found) else _pivoted(found)
        for name, found in by_table.items()
    }


def _listed(entries: Sequence[Entry]) -> str:
    head = "| what | rows | mean error | median | in the 80 % interval |"
    line = "|---|--:|--:|--:|--:|"
    is_asked_twice = any(e.alone_mean is not None for e in entries)
    lines = [f"{head}{_ALONE}", f"{line}--:|--:|"] if is_asked_twice else [head, line]
    for e in entries:
        inside = "–" if e.inside is None else percent(e.inside, 2)
        errors = f"{percent(e.mean, 2)} | {percent(e.median, 2)}"
        alone = f" {_alone(e)} |" * is_asked_twice
        lines.append(f"| {e.what} | {e.rows:,} | {errors} | {inside} |{alone}")
    return "\n".join(lines)


_ALONE = " by flags alone: mean, median | in the interval |"


def _alone(e: Entry) -> str:
    """The two cells of rows that were asked a second time, by their flags alone."""
    if e.alone_mean is None or e.alone_median is None:
        return "– | –"
    inside = "–" if e.alone_inside is None else percent(e.alone_inside, 2)
    return f"{percent(e.alone_mean, 2)}, {percent(e.alone_median, 2)} | {inside}"


def _pivoted(entries: Sequence[Entry]) -> str:
    """Mean errors, what was measured downwards and the columns side by side.

    Where rows were asked a second time, by their flags alone, that has a column beside each.
    """
    cells = {(entry.what, entry.column): percent(entry.mean, 2) for entry in entries}
    for e in entries:
        if e.alone_mean is not None:
            cells[e.what, f"{e.column}, flags alone"] = percent(e.alone_mean, 2)
    columns = list(dict.fromkeys(column for _, column in cells))
    lines = ["| | " + " | ".join(columns) + " |", "|---" + "|--:" * len(columns) + "|"]
    for what in dict.fromkeys(entry.what for entry in entries):
        row = " | ".join(cells.get((what, column), "–") for column in columns)
        lines.append(f"| {what} | {row} |")
    return "\n".join(lines)


_SECTION = re.compile(r"(<!-- accuracy: (\w+) -->\n).*?(<!-- accuracy: end -->)", re.DOTALL)


def with_sections(text: str, tables: Mapping[str, str]) -> str:
    """A page's text with every marked section replaced by the table that it names.

    Raises:
        InputError: a section names no table.
    """

    def replaced(found: re.Match[str]) -> str:
        if found[2] not in tables:
            raise InputError(f"no table is called {found[2]!r}", remedy=nearest(found[2], tables))
        return f"{found[1]}{tables[found[2]]}\n{found[3]}"

    return _SECTION.sub(replaced, text)


def kept_result(file: Path = RESULT) -> tuple[Entry, ...]:
    """The errors as they were last measured."""
    return tuple(Entry(**entry) for entry in json.loads(file.read_text(encoding="utf-8")))


def main() -> None:
    """Measure, if there is data, and write the sections of every page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of measured data; none measures nothing")
    options = parser.parse_args()
    if options.data is not None:
        entries = [asdict(entry) for entry in measure(options.data)]
        lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
        with whole_file(RESULT) as file:
            file.write(f"[\n{lines}\n]\n")
    tables = sections(kept_result())
    for page in PAGES:
        text = with_sections(page.read_text(encoding="utf-8"), tables)
        with whole_file(page) as file:
            file.write(text)


if __name__ == "__main__":
    main()
