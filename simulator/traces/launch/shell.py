"""What people paste from a terminal or a script, as words: the command that starts a server."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from simulator.errors import InputError

LINE = "launch line"
"""How messages call what was pasted."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a pasted text.

    Args:
        words: the command and its arguments, unquoted.
        environment: variables that are set for it.
        files: files that the text writes before (``cat > NAME << EOF``), by name.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


_HEREDOC = re.compile(
    r"^[ \t]*(?:cat\s*>+|tee)\s*(?P<before>[^\s<>|;&]+)[^\n]*?"
    r"<<-?\s*(?P<q1>['\"]?)(?P<end1>\w+)(?P=q1)"
    r"[^\n]*\n(?P<text1>.*?)^[ \t]*(?P=end1)[ \t]*$"
    r"|^[ \t]*cat\s*<<-?\s*(?P<q2>['\"]?)(?P<end2>\w+)(?P=q2)\s*>+\s*(?P<after>\S+)"
    r"[^\n]*\n(?P<text2>.*?)^[ \t]*(?P=end2)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
_ENDS = frozenset({";", "&", "&&", "|", "||", "|&"})
_REDIRECTS = frozenset({">", ">>", "<", ">&", "&>", "&>>"})


def commands(text: str) -> list[Command]:
    """The commands of ``text`` in order, without comments and redirections.

    Lines are joined at ``\\``, and variables that the text itself sets are put in.

    Raises:
        InputError: a quote that does not end.
    """
    files: dict[str, str] = {}

    def kept(found: re.Match[str]) -> str:
        name = found["before"] or found["after"]
        files[name.strip("'\"")] = found["text1"] or found["text2"] or ""
        return ""

    text = _HEREDOC.sub(kept, text)
    text = re.sub(r"\\[ \t]*\r?\n", " ", text)
    values: dict[str, str] = {}
    exported: dict[str, str] = {}
    found: list[Command] = []
    for line in text.splitlines():
        for words in _split(line):
            used = {name for word in words if (name := unset(word)) is not None}
            is_export = words[0] == "export"
            own, rest = _environment([_filled(word, values) for word in words[is_export:]])
            if not rest:
                values |= own
                exported |= own if is_export else {}
                continue
            named = {_filled(name, values): _filled(text, values) for name, text in files.items()}
            seen = {name: value for name, value in exported.items() if name not in used}
            found.append(Command(tuple(rest), {**seen, **own}, named))
    return found


def command_of(words: Sequence[str]) -> Command:
    """Words that a shell has split already, as a command."""
    own, rest = _environment(list(words))
    return Command(tuple(rest), own)


def unset(word: str) -> str | None:
    """The variable that a word still has in it; None without."""
    found = _VARIABLE.search(word)
    return None if found is None else found[1] or found[3]


def _split(line: str) -> list[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError as error:
        raise InputError(
            f"{str(error).lower()} in {line.strip()[:60]!r}", file=LINE,
            remedy="close the quote; a line that goes on ends in a backslash",
        ) from None  # fmt: skip
    parts: list[list[str]] = [[]]
    skip = False
    for word in words:
        if word in _ENDS:
            parts.append([])
        elif word in _REDIRECTS:
            skip = True
            if parts[-1] and parts[-1][-1] in ("1", "2"):
                parts[-1].pop()
        elif skip:
            skip = False
        else:
            parts[-1].append(word)
    return [part for part in parts if part]


def _filled(word: str, values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1] or found[3]
        return values.get(name, found[2] if found[2] is not None else found[0])

    return _VARIABLE.sub(value, word)


def _environment(words: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Assignments at the beginning of a command, and the rest of it."""
    rest = list(words)
    found: dict[str, str] = {}
    while rest and (rest[0] == "env" or (assigned := _ASSIGNMENT.fullmatch(rest[0]))):
        if rest.pop(0) != "env" and assigned is not None:
            found[assigned[1]] = assigned[2]
    return found, rest
