"""ShareGPT: conversations as texts, without token counts and times.

The first prompt and the first answer of each conversation are one request, as vLLM's and SGLang's
benchmarks take them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.specs.workload import Trace
from simulator.traces.format import Format, Head
from simulator.traces.json_text import json_document, json_objects
from simulator.traces.row import Row, bad_row

CHARACTERS_PER_TOKEN = 4.0
"""Of English text, with the tokenizers of today's models; there is no tokenizer here."""


def _rows(text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    if text.lstrip().startswith("["):
        document = json_document(text, path)
        assert isinstance(document, list)
        conversations: list[tuple[int, Any]] = list(enumerate(document, start=1))
    else:
        conversations = list(json_objects(text, path))
    for number, conversation in conversations:
        turns = conversation.get("conversations") if isinstance(conversation, dict) else None
        if not isinstance(turns, list):
            raise bad_row(path, number, "has no conversations")
        said = [turn.get("value") for turn in turns[:2] if isinstance(turn, dict)]
        if len(said) < _ENOUGH or not all(isinstance(each, str) for each in said):
            continue
        sizes = (max(1, round(len(each) / CHARACTERS_PER_TOKEN)) if each else 0 for each in said)
        prompt, answer = sizes
        if prompt and answer:
            yield Row(number, 0.0, prompt, answer)


_ENOUGH = 2
"""A prompt and an answer."""


def _is_sharegpt(head: Head) -> bool:
    return isinstance(head.fields.get("conversations"), list)


SHAREGPT = Format(
    "ShareGPT's conversations",
    _rows,
    _is_sharegpt,
    tells_times=False,
    note=f"texts are counted as one token for every {CHARACTERS_PER_TOKEN:g} characters; the first "
    "prompt and answer of each conversation are a request",
)
