"""A config in the common spelling: its family's names, defaults and consequences written out."""

from typing import Any, Final

from simulator.specs.huggingface.family import Family
from simulator.specs.huggingface.fields import Config
from simulator.specs.huggingface.searched import layers_of_blocks

ABSENT: Final = object()
"""Stands for a value that is nowhere; null is a value."""


def in_common_words(config: Config, family: Family) -> Config:
    """The config with every common field that the family's own fields and defaults tell.

    Defaults stand only for absent fields: a null that the config writes stays.
    """
    fields = {**family.defaults, **config.fields}
    fields |= renamed(fields, family.names)
    if isinstance(fields.get("block_configs"), list):
        fields |= layers_of_blocks(config, fields["block_configs"])
    for case in family.cases:
        if all(reached(fields, name) == value for name, value in case.given.items()):
            fields |= case.then
    for name, other in family.same.items():
        if fields.get(name) is None and fields.get(other) is not None:
            fields[name] = fields[other]
    spelled = {common: own for own, common in family.names.items() if common not in config.fields}
    return Config(fields, config.file, config.prefix, spelled)


def renamed(fields: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The common fields that ``names`` (own → common) find in ``fields``."""
    found: dict[str, Any] = {}
    for own, common in names.items():
        value = reached(fields, own)
        # A null does not take the place of what the common spelling says.
        if value is not ABSENT and (value is not None or common not in fields):
            found[common] = value
    return found


def reached(fields: object, path: str) -> object:
    """What stands at a dotted ``path`` through mappings and lists, or ``ABSENT``."""
    for part in path.split("."):
        if isinstance(fields, dict) and part in fields:
            fields = fields[part]
        elif isinstance(fields, list) and part.isdecimal() and int(part) < len(fields):
            fields = fields[int(part)]
        else:
            return ABSENT
    return fields
