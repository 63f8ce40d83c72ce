"""YAML 1.2 as people write it: plain data, every key once, bounded depth.

libyaml parses, and the scalars mean what the core schema of YAML 1.2 says (``yes`` is a text,
``010`` is ten), plus dates. A second key of the same name is refused instead of winning.
"""

import re
from collections.abc import Hashable
from typing import Any

import yaml
from yaml import CSafeLoader

from simulator.specs.plain import DEEPEST

_NESTS = re.compile(r"[\[{]|(?<![^\s\-?:])[-?:](?=\s)")


class DuplicateKeyError(yaml.constructor.ConstructorError):
    """One mapping has a key twice."""


class _Loader(CSafeLoader):
    """The safe loader with the scalars of YAML 1.2 and without silent duplicates."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _cannot_be(key, "a key must be a text")
        if any(key.tag == _MERGE for key, _ in node.value):
            self.flatten_mapping(node)
            return CSafeLoader.construct_mapping(self, node, deep=deep)
        found: dict[Hashable, Any] = CSafeLoader.construct_mapping(self, node, deep=deep)
        if len(found) != len(node.value):
            seen: set[Hashable] = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if key in seen:
                    raise DuplicateKeyError(
                        None, None, f"{key!r} stands twice", key_node.start_mark
                    )
                seen.add(key)
        return found


_MERGE = "tag:yaml.org,2002:merge"
_Loader.yaml_implicit_resolvers = {}


def _scalars(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


_scalars("bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", "tTfF")
_scalars("int", r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z", "-+0123456789")
_scalars(
    "float",
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z",
    "-+.0123456789",
)
_scalars("null", r"(?:~|null|Null|NULL|)\Z", "~nN")
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"\Z"), [""])
_scalars("timestamp", r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", "0123456789")
_scalars("merge", r"<<\Z", "<")


def _integer(_: CSafeLoader, node: yaml.ScalarNode) -> int:
    text = node.value
    try:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    except ValueError:
        # Python converts no integer of thousands of digits.
        raise _cannot_be(node, "a number has too many digits") from None


def _number(_: CSafeLoader, node: yaml.ScalarNode) -> float:
    text = node.value.lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


def _day(loader: CSafeLoader, node: yaml.ScalarNode) -> object:
    try:
        return CSafeLoader.construct_yaml_timestamp(loader, node)
    except ValueError:
        raise _cannot_be(node, f"{node.value} is no day of the calendar") from None


def _cannot_be(node: yaml.Node, problem: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _day)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def read_yaml(text: str) -> object:
    """The one document in ``text`` as plain Python data.

    Raises:
        yaml.YAMLError: not YAML, several documents, a key twice, or nested too deeply.
        ValueError: a number that cannot be.
    """
    if _may_be_deep(text):
        _check_depth(text)
    return yaml.load(text, _Loader)


def _may_be_deep(text: str) -> bool:
    deepest_line = max((len(line) - len(line.lstrip(" ")) for line in text.splitlines()), default=0)
    return deepest_line > DEEPEST or len(_NESTS.findall(text)) > DEEPEST


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise yaml.YAMLError(f"nested more than {DEEPEST} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
