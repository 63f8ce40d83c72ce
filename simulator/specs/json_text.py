"""JSON as people and programs write it: parsed, or refused with the reason in plain words."""

import json
from typing import Any


class NotJsonError(ValueError):
    """A text that is no JSON that can be used; ``line`` says where, when that is known."""

    remedy: str | None = None

    def __init__(self, problem: str, line: int | None = None) -> None:
        self.line = line
        super().__init__(problem)


class DuplicateKeyError(NotJsonError):
    """One object has a key twice."""

    remedy = "delete one of the two"

    def __init__(self, key: str) -> None:
        super().__init__(f"{key!r} stands twice in one object")


class CutShortError(NotJsonError):
    """The text ends in the middle of a value."""

    remedy = "the file is cut short: copy or download it again, whole"

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(f"not valid JSON: {reason}", line)


def read_json(text: str, *, every_key_once: bool = False) -> object:
    """The value that ``text`` spells.

    Raises:
        NotJsonError: it spells none, is nested too deeply, holds a number that is too long, or
            has a key twice where ``every_key_once``.
    """
    try:
        return json.loads(text, object_pairs_hook=_once if every_key_once else None)
    except json.JSONDecodeError as error:
        # What is missing at the very end, or a text without its closing quote, was cut off.
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            raise CutShortError(error.msg, error.lineno) from None
        raise NotJsonError(f"not valid JSON: {error.msg}", error.lineno) from None
    except RecursionError:
        raise NotJsonError("not valid JSON: nested too deeply") from None
    except ValueError as error:
        if isinstance(error, NotJsonError):
            raise
        # Python converts no integer of thousands of digits.
        raise NotJsonError("not valid JSON: a number has too many digits") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise DuplicateKeyError(next(name for name in names if names.count(name) > 1))
    return found
