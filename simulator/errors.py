"""The one error a user is meant to see: what is wrong, where, and what to do about it."""

import json
import re
from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches


class InputError(Exception):
    """Something the user wrote cannot be used.

    The command line prints it as one message and exits with code 2.

    Args:
        problem: what is wrong, in one sentence without a full stop.
        file: the file that holds it, if there is one.
        field: the dotted path of the field, or a line of the file.
        remedy: what would make it right.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: object | None = None,
        field: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = printable(problem)
        self.file = None if file is None else printable(str(file))
        self.field = None if field is None else printable(field)
        self.remedy = None if remedy is None else printable(remedy)
        super().__init__(self.__str__())

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.file, self.field) if part)
        text = f"{where}: {self.problem}" if where else self.problem
        return f"{text}\n  {self.remedy}" if self.remedy else text


class FieldError(ValueError):
    """A value that one field cannot have; whoever reads the file says which file and field.

    Args:
        problem: what is wrong, in one sentence without a full stop.
        remedy: what would make it right.
    """

    def __init__(self, problem: str, *, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(problem)


_SHOWN_CHARACTERS = 600
"""A message of several lines; whatever a user's file holds, its error is no longer."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def printable(text: str) -> str:
    """``text`` as any terminal and file takes it: bytes that are no text escaped, the end cut."""
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "…"
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def shown(value: object) -> str:
    """A value that a user wrote, short enough to stand within a sentence."""
    if value is None:
        return "nothing"
    if isinstance(value, bool | list | dict):
        # As files spell it, not as Python does.
        text = json.dumps(value, default=str, ensure_ascii=False)
    else:
        text = repr(value)
    return text if len(text) <= _SHOWN_VALUE else text[: _SHOWN_VALUE - 1] + "…"


_SHOWN_VALUE = 80


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """Suggest the known names closest to ``name`` as a sentence for an error message."""
    spelled = {k.lower(): k for k in sorted(set(known))}
    # Nobody misspells a name of hundreds of letters, and comparing them would take long.
    sought = name[:_SHOWN_VALUE].lower()
    close = get_close_matches(sought, spelled, n=count, cutoff=0.5)
    if not close:
        close = [k for k in spelled if sought in k or k in sought][:count]
    if close:
        return "did you mean " + " or ".join(spelled[k] for k in close) + "?"
    shown = ", ".join(list(spelled.values())[:12])
    return f"known: {shown}" + (", …" if len(spelled) > 12 else "")


def related(name: str, known: Iterable[str]) -> list[str]:
    """Those of ``known`` that may be meant by a product's ``name``: of the same line.

    Products are called by their line and a number; a name of another line that happens to look
    alike misleads. A part of a name stands for all that contain it.
    """
    sought = name[:_SHOWN_VALUE].lower()
    line = _line(sought)
    return [
        k
        for k in known
        if (sought and sought in k.lower())
        or (len(k) >= _TELLING and k.lower() in sought)
        or SequenceMatcher(None, line, _line(k.lower())).ratio() >= _SAME_LINE
    ]


_SAME_LINE = 0.85
"""Likeness of two lines' names that is a slip of the pen."""

_TELLING = 4
"""Letters of a name that do not stand in a longer one by chance."""


def _line(name: str) -> str:
    return re.split(r"[^a-z]", name, maxsplit=1)[0]
