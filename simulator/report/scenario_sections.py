"""The schema of a scenario in sections: each class of it once, at the place where it comes first.

The reference page and the template are both written from these.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc

from pydantic import BaseModel

from simulator.specs.scenario import Scenario
from simulator.specs.schema import SchemaField, fields_of


@dataclass(frozen=True, slots=True)
class Section:
    """One class of the schema.

    Args:
        path: where it stands first, as in ``--set``; empty for the scenario itself.
        kinds: of a union, the words by which this member of it is told, else empty.
        about: what the class is, in a few sentences.
        fields: those that no earlier section has.
        inherited: those that ``heir_of`` has, in the same meaning.
        heir_of: path of the earlier section that shares these fields.
    """

    path: str
    kinds: tuple[str, ...]
    about: str
    fields: tuple[SchemaField, ...]
    inherited: tuple[SchemaField, ...]
    heir_of: str


@dataclass(frozen=True, slots=True)
class Sections:
    """All sections in order, and by the path where one of several may be written."""

    all: tuple[Section, ...]
    at: Mapping[str, tuple[Section, ...]]

    def first_here(self, path: str) -> bool:
        """Whether what may be written at ``path`` is described there, not at an earlier place."""
        return any(section.path == path for section in self.at.get(path, ()))


@cache
def sections() -> Sections:
    """The sections of a scenario."""
    fields: dict[type[BaseModel], list[SchemaField]] = {}
    owners: dict[str, dict[type[BaseModel], None]] = {}
    for field in fields_of(Scenario):
        parent = _parent(field)
        owners.setdefault(parent, {})[field.owner] = None
        known = fields.setdefault(field.owner, [])
        if not known or _parent(known[0]) == parent:
            known.append(field)
    made: dict[type[BaseModel], Section] = {}
    for owner, own in fields.items():
        alternatives = len(owners[_parent(own[0])]) > 1
        elder = next((e for e in made if _common(owner, e)), None)
        shared = _common(owner, elder) if elder else frozenset[str]()
        made[owner] = Section(
            path=_parent(own[0]),
            # The first field of a union's member is the one that tells which member it is.
            kinds=own[0].choices if alternatives else (),
            about=cleandoc(owner.__doc__ or "").partition("\nArgs:")[0].strip(),
            fields=tuple(field for field in own if field.name not in shared),
            inherited=tuple(field for field in own if field.name in shared),
            heir_of=made[elder].path if elder else "",
        )
    at = {path: tuple(made[owner] for owner in found) for path, found in owners.items()}
    return Sections(tuple(made.values()), at)


def _parent(field: SchemaField) -> str:
    return field.path.rpartition(".")[0]


def _common(one: type[BaseModel], other: type[BaseModel]) -> frozenset[str]:
    """Names of the fields that two classes inherit from the same one."""
    bases = (base for base in one.__mro__ if base in other.__mro__)
    return frozenset(n for b in bases if issubclass(b, BaseModel) for n in b.model_fields)


def default_in_yaml(field: SchemaField) -> str:
    """What holds where the field is absent, as it would be written; empty where that is no value.

    Mappings have the defaults of their own fields.
    """
    value = field.default
    if value is None or value == "" or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(list(value))
    return f"{value:.12g}" if isinstance(value, float) else str(value)
