"""CSV as spreadsheets and programs write it: lines of fields, each with its number."""

import csv
from collections.abc import Iterator
from io import StringIO

from simulator.errors import InputError


def csv_lines(text: str, file: object) -> Iterator[tuple[int, list[str]]]:
    """The lines of ``text`` that hold anything, with the number of the line each ends on.

    Raises:
        InputError: what no CSV reader takes; names the file and the line.
    """
    reader = csv.reader(StringIO(text, newline=""))
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem, remedy = str(error), None
            if "field limit" in problem:
                problem = f"a field is longer than {csv.field_size_limit():,} characters"
                remedy = "is a quotation mark left open?"
            line = f"line {reader.line_num}"
            raise InputError(problem, file=file, field=line, remedy=remedy) from None
        if fields:
            yield reader.line_num, fields
