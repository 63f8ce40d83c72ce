"""Traces as JSON: Mooncake and Bailian lines, and WEKA's sessions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.errors import FieldError, InputError, shown
from simulator.specs.workload import Trace
from simulator.traces.format import Format, parsed
from simulator.traces.json_text import json_object, json_objects
from simulator.traces.row import Row, bad_row, delay, hashes, identity, seconds, tokens

MOONCAKE_BLOCK_TOKENS = 512
"""Tokens that one of Mooncake's ``hash_ids`` stands for (its FAST'25 trace description)."""

BAILIAN_BLOCK_TOKENS = 16
"""The same in Alibaba's Bailian traces."""


def mooncake_rows(text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    """Mooncake's lines: milliseconds, lengths, hashes of the prompt's blocks.

    Lines of one ``session_id`` follow each other; ``delay`` (ms) instead of ``timestamp`` is the
    time after the previous answer.
    """
    begun: set[object] = set()
    arrival_s = 0.0
    for line, fields in json_objects(text, path):
        session = identity(fields.get("session_id"), "session_id", path, line)
        delayed = "timestamp" not in fields and "delay" in fields and session in begun
        if not delayed:
            _need(fields, ("timestamp",), path, line)
            arrival_s = seconds(fields["timestamp"], "timestamp", 1e-3, path, line)
        _need(fields, ("input_length", "output_length"), path, line)
        if session is not None:
            begun.add(session)
        yield Row(
            line,
            arrival_s,
            tokens(fields["input_length"], "input_length", path, line),
            tokens(fields["output_length"], "output_length", path, line),
            hashes(fields.get("hash_ids"), "hash_ids", path, line),
            session=session,
            follows=delayed,
            delay_s=delay(fields["delay"], "delay", 1e-3, path, line) if delayed else 0.0,
        )


def bailian_rows(text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    """Bailian's lines: seconds, lengths, hashes; turns of one chat name their parent."""
    root_of: dict[object, object] = {}
    for line, fields in json_objects(text, path):
        _need(fields, ("timestamp", "input_length", "output_length"), path, line)
        chat, parent = (
            identity(fields.get(name), name, path, line) for name in ("chat_id", "parent_chat_id")
        )
        root_of[chat] = root_of.get(parent, chat)
        yield Row(
            line,
            seconds(fields["timestamp"], "timestamp", 1.0, path, line),
            tokens(fields["input_length"], "input_length", path, line),
            tokens(fields["output_length"], "output_length", path, line),
            hashes(fields.get("hash_ids"), "hash_ids", path, line),
            session=str(root_of[chat]),
        )


def weka_rows(text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    """One of WEKA's agentic sessions: each call waits for the one before, then ``think_time``."""
    session = json_object(text, path)
    calls = session.get("requests")
    if not isinstance(calls, list):
        raise InputError("requests is not a list of calls", file=path, field="requests")
    for row, fields in enumerate(_calls(calls)):
        line = row + 1
        if not isinstance(fields, dict):
            raise bad_row(path, line, "expected an object")
        _need(fields, ("t", "in", "out"), path, line)
        yield Row(
            line,
            seconds(fields["t"], "t", 1.0, path, line),
            tokens(fields["in"], "in", path, line),
            tokens(fields["out"], "out", path, line),
            hashes(fields.get("hash_ids"), "hash_ids", path, line),
            session=str(session.get("id", path.stem)),
            follows=row > 0,
            delay_s=delay(fields.get("think_time", 0.0), "think_time", 1.0, path, line),
        )


def weka_block_tokens(text: str) -> int:
    """Tokens of one hash in a WEKA session."""
    session = parsed(text)
    size = session.get("block_size") if isinstance(session, dict) else None
    if type(size) is not int or not 1 <= size <= _MOST_BLOCK_TOKENS:
        raise FieldError(
            f"block_size must be a whole number up to {_MOST_BLOCK_TOKENS}, found {shown(size)}",
            remedy="it says how many tokens one of hash_ids stands for",
        )
    return size


_MOST_BLOCK_TOKENS = 1_000_000


def weka_hashes_are_global(text: str) -> bool:
    """Whether equal hashes of different sessions mean equal text."""
    session = parsed(text)
    return isinstance(session, dict) and session.get("hash_id_scope", "local") == "global"


def _calls(requests: list[Any]) -> Iterator[Any]:
    """Model calls in order, those of a subagent where it was called."""
    for call in requests:
        if isinstance(call, dict) and "in" not in call and isinstance(call.get("requests"), list):
            yield from _calls(call["requests"])
        else:
            yield call


def _need(fields: dict[str, Any], names: tuple[str, ...], path: Path, line: int) -> None:
    for name in names:
        if name not in fields:
            raise bad_row(
                path, line, f"field {name!r} is missing", "is the line whole? take it out if not"
            )


JSON_FORMATS = {
    "weka": Format(
        "WEKA sessions",
        weka_rows,
        lambda head: {"requests", "block_size"} <= head.fields.keys(),
        weka_block_tokens,
    ),
    "bailian": Format(
        "JSONL with chat_id, timestamp, input_length, output_length (Bailian)",
        bailian_rows,
        lambda head: {"input_length", "chat_id"} <= head.fields.keys(),
        lambda _text: BAILIAN_BLOCK_TOKENS,
    ),
    "mooncake": Format(
        "JSONL with timestamp, input_length, output_length (Mooncake)",
        mooncake_rows,
        lambda head: "input_length" in head.fields,
        lambda _text: MOONCAKE_BLOCK_TOKENS,
    ),
}
