"""Seeded mutation: of bytes, of the words of a text, and of data as a tree."""

import gzip
import json
import re
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

NASTY_WORDS = (
    "0", "-1", "1", "-0.0", "0.5", "true", "false", "null", "~", "", " ", "nan", ".nan", "inf",
    ".inf", "-inf", "1e999", "1e308", "1e-308", "1e-300", "-1e308", "5e-324", "9223372036854775807",
    "9223372036854775808", "18446744073709551616", "1" * 400, "1" * 5000, "0x10", "010", "1_000",
    "8.0", "8.5", "1e3", "3 TB/s", "80 GiB", "-4 ms", "5 parsecs", "90 %", "1e30 B", "1e-30 s",
    "[]", "{}", "[1]", "[[1]]", "{a: 1}", "[1, x]", "2023-02-30", "9999-12-31", "2026", "h100-sxm",
    "llama-3.1-8b", "vllm", "decode", "trace", "lognormal", "../x", "/dev/null", "/", ".",
    "a" * 300, "x" * 5000, "é", "日本", "\u202e", "\x00", "\x1b[31m", "\ud800", "$x$", "\\", '"',
    "'", ",", "\n", ": ", "- ", "# ", "&a", "*a", "<<: *a", "!!python/object:os.system", "|", ">",
    "%", "@", "`",
)  # fmt: skip
"""Words that have broken readers before: limits of types, other types, marks of formats."""

NASTY_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 7, 64, 1000, 10**6, 10**9, 10**18, 2**63, 10**400, -(2**63),
    0.0, -0.0, 0.5, 1.5, 1e-300, 1e300, 1e308, float("nan"), float("inf"), -float("inf"), "", "0",
    "x", "1e999", "3 TB/s", "80 GB", "1 ms", "-1 s", "nan", "true", "a" * 300, "\ud800", "\x00",
    "h200-sxm", "llama-3.1-8b", "fp8", "bf16", "sglang", [], {}, [1], [None], ["x"], [[]], [0] * 50,
    {"a": 1}, {"kind": "x"}, {"value": 1}, {"value": 1, "low": 2}, {"base": "h100-sxm"}, {1: 2},
)  # fmt: skip


def mutated_bytes(random: Random, content: bytes) -> bytes:
    """``content`` with a few small damages."""
    for _ in range(random.choice((1, 1, 2, 4))):
        content = random.choice(_DAMAGES)(random, content)
    return content


def mutated_text(random: Random, text: str) -> bytes:
    """``text`` with a word or line changed for another, or its bytes damaged."""
    if random.random() < 0.25:
        return mutated_bytes(random, text.encode())
    for _ in range(random.choice((1, 1, 2, 3))):
        text = random.choice(_EDITS)(random, text)
    return text.encode("utf-8", "surrogatepass")


def mutated_tree(random: Random, tree: Any) -> Any:
    """A copy of the data with a few of its values or keys changed, dropped or doubled."""
    tree = deepcopy(tree)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = _places(tree)
        if not places:
            return tree
        holder, key = random.choice(places)
        _change(random, holder, key, places)
    return tree


def packed(random: Random, content: bytes) -> bytes:
    """``content`` as gzip, whole or damaged."""
    squeezed = gzip.compress(content, mtime=0)
    return squeezed if random.random() < 0.4 else mutated_bytes(random, squeezed)


def _change(random: Random, holder: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    value = holder[key]
    if random.random() < 0.5 and (scaled := _scaled(random, value)) is not None:
        # Of the right form and the wrong size: what no reader refuses.
        holder[key] = scaled
        return
    way = random.randrange(6)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, dict):
        name = random.choice((f"{key}x", "kind", "base", "value", "class", "", "a.b"))
        holder[name] = holder.pop(key)
    elif way == 2:
        # Something of elsewhere in the file: of the right form at the wrong place.
        other, there = random.choice(places)
        holder[key] = deepcopy(other[there]) if there in _keys(other) else None
    elif way == 3 and isinstance(value, list):
        holder[key] = value * random.choice((0, 2, 30))
    else:
        holder[key] = deepcopy(random.choice(NASTY_VALUES))


def _scaled(random: Random, value: Any) -> Any:
    """A number, or the number a text begins with, times something; None for anything else."""
    factor = random.choice((0, 1e-9, 1e-3, 0.1, 0.5, 0.9, 1.1, 2, 3, 10, 1e3, 1e6, 1e9, -1))
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return -value if abs(value) > 10**200 else int(value * factor)
    if isinstance(value, float):
        return value * factor
    number = re.match(r"[0-9.]+", value) if isinstance(value, str) else None
    try:
        return f"{float(number[0]) * factor:g}{value[number.end() :]}" if number else None
    except ValueError:
        return None


def _keys(holder: Any) -> Any:
    return holder if isinstance(holder, dict) else range(len(holder))


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (mapping or list, key or position) below ``tree``."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict | list):
            for key in list(_keys(holder)):
                found.append((holder, key))
                waiting.append(holder[key])
    return found


def _flip(random: Random, content: bytes) -> bytes:
    if not content:
        return b"\x00"
    at = random.randrange(len(content))
    return content[:at] + bytes([random.randrange(256)]) + content[at + 1 :]


def _drop(random: Random, content: bytes) -> bytes:
    start, end = _slice(random, content)
    return content[:start] + content[end:]


def _double(random: Random, content: bytes) -> bytes:
    start, end = _slice(random, content)
    return content[:end] + content[start:end] * random.choice((1, 1, 20)) + content[end:]


def _truncate(random: Random, content: bytes) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _insert(random: Random, content: bytes) -> bytes:
    at = random.randrange(len(content) + 1)
    word = random.choice(NASTY_WORDS).encode("utf-8", "surrogatepass")
    return content[:at] + word + content[at:]


def _slice(random: Random, content: bytes) -> tuple[int, int]:
    start = random.randrange(len(content) + 1)
    return start, min(len(content), start + random.choice((1, 2, 5, 20, 200)))


_DAMAGES: tuple[Callable[[Random, bytes], bytes], ...] = (_flip, _drop, _double, _truncate, _insert)


def _other_word(random: Random, text: str) -> str:
    marks = [i for i, letter in enumerate(text) if letter in ' ,:=\n[]{}"'] + [len(text)]
    start = 0 if len(marks) < 2 else random.randrange(len(marks) - 1)
    low, high = (0, marks[0]) if len(marks) < 2 else (marks[start] + 1, marks[start + 1])
    return text[:low] + random.choice(NASTY_WORDS) + text[high:]


def _other_line(random: Random, text: str) -> str:
    lines = text.split("\n")
    at = random.randrange(len(lines))
    way = random.randrange(4)
    if way == 0:
        del lines[at]
    elif way == 1:
        lines.insert(at, lines[random.randrange(len(lines))])
    elif way == 2:
        lines[at] = random.choice(("  ", "\t", "- ", "")) + lines[at].strip()
    else:
        other = random.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    return "\n".join(lines)


def _extra(random: Random, text: str) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(NASTY_WORDS) + text[at:]


_EDITS: tuple[Callable[[Random, str], str], ...] = (_other_word, _other_word, _other_line, _extra)


def as_json(tree: Any) -> bytes:
    """The data as JSON, whatever a careless program would write: NaN, huge numbers."""
    return json.dumps(tree, default=str).encode("utf-8", "surrogatepass")
