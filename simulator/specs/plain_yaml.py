"""Plain YAML, straight from the parser's events, in a third of the general reader's time.

A catalogue file is a thousand scalars in mappings and lists. The general reader makes a node and
a tag of each before it makes a value. Whatever else YAML has (anchors, tags, merges, several
documents) and whatever is wrong with a text is left to that reader.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from ruamel.yaml.nodes import ScalarNode

EventT = TypeVar("EventT", bound=Event)
_Content = ScalarEvent | MappingStartEvent | SequenceStartEvent

_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(\.[0-9]+)?(e[-+][0-9]+)?")
_MERGE = "tag:yaml.org,2002:merge"


class NotPlainError(Exception):
    """Only the general reader knows what the text means, or what is wrong with it."""


def read_plain(text: str) -> object:
    """The one document in ``text``, as ``YAML(typ="safe").load`` gives it.

    Raises:
        NotPlainError: it is not plain.
        YAMLError: it is not YAML.
    """
    events = YAML(typ="safe").parse(text)
    _expect(events, StreamStartEvent)
    if _expect(events, DocumentStartEvent).version is not None:
        raise NotPlainError
    content = _value(next(events), events, _reader_of_scalars())
    _expect(events, DocumentEndEvent)
    _expect(events, StreamEndEvent)
    return content


def _expect(events: Iterator[Event], kind: type[EventT]) -> EventT:
    event = next(events)
    if not isinstance(event, kind):
        raise NotPlainError
    return event


def _value(event: Event, events: Iterator[Event], scalar: Callable[[str], object]) -> object:
    """What begins with ``event``; takes the events that belong to it."""
    if not isinstance(event, _Content) or event.anchor is not None or event.tag is not None:
        raise NotPlainError
    if isinstance(event, ScalarEvent):
        return scalar(event.value) if event.implicit[0] else event.value
    if isinstance(event, MappingStartEvent):
        found: dict[object, object] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            key = _value(event, events, scalar)
            if isinstance(key, dict | list) or key in found:
                raise NotPlainError
            found[key] = _value(next(events), events, scalar)
        return found
    items = []
    while not isinstance(event := next(events), SequenceEndEvent):
        items.append(_value(event, events, scalar))
    return items


@cache
def _reader_of_scalars() -> Callable[[str], object]:
    """Tells what an unquoted scalar means: text, number, date, truth or nothing."""
    yaml = YAML(typ="safe")
    resolver, constructor = yaml.resolver, yaml.constructor
    known: dict[str, object] = {}
    special = resolver.versioned_resolver

    def read(text: str) -> object:
        if text[:1] not in special:
            return text
        if text not in known:
            number = _NUMBER.fullmatch(text)
            if number is None:
                tag = resolver.resolve(ScalarNode, text, (True, False))
                if tag.trval == _MERGE:
                    raise NotPlainError
                known[text] = constructor.construct_object(ScalarNode(tag, text))
            else:
                known[text] = int(text) if number.lastindex is None else float(text)
        return known[text]

    return read
