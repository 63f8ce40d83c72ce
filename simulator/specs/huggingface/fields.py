"""Access to a config's fields with errors that name file, field and remedy."""

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from simulator.errors import InputError, shown
from simulator.specs.kinds.kind import Kind
from simulator.specs.quantity import Spec
from simulator.specs.reading import validate

LARGEST = 1_000_000_000
"""No size of a model is nearly as large."""

KindT = TypeVar("KindT", bound=Kind)
SpecT = TypeVar("SpecT", bound=Spec)


@dataclass(frozen=True, slots=True)
class Config:
    """A ``config.json`` (or the ``text_config`` inside it) and where it came from.

    ``spelled`` tells how the file spells fields that ``fields`` has in the common spelling.
    """

    fields: dict[str, Any]
    file: object | None = None
    prefix: str = ""
    spelled: dict[str, str] = field(default_factory=dict)

    def error(self, field: str, problem: str, remedy: str | None = None) -> InputError:
        """An input error at ``field`` of this config."""
        written = self.prefix + self.spelled.get(field, field)
        return InputError(problem, file=self.file, field=written, remedy=remedy)

    def size(self, *names: str) -> int:
        """The positive whole number under the first of ``names`` that is present.

        Raises:
            InputError: none is present, or the value is not a positive whole number.
        """
        found = self.optional_size(*names)
        if found is None:
            raise self.error(
                names[0], "missing field", "add it: the architecture cannot be built without"
            )
        return found

    def optional_size(self, *names: str) -> int | None:
        """As ``size``, but None where every name is absent, null or zero."""
        for name in names:
            value = self.fields.get(name)
            if value is None or value == 0:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST:
                raise self.error(
                    name, f"expected a whole number from 1 to {LARGEST:,}, found {shown(value)}"
                )
            return value
        return None

    def flag(self, name: str, default: bool = False) -> bool:
        """The yes/no value under ``name``."""
        value = self.fields.get(name, default)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(name, f"expected true or false, found {shown(value)}")
        return value

    def holds(self, setting: bool | str) -> bool:
        """Whether a family's setting holds: as such, or as the field that it names says."""
        return self.flag(setting) if isinstance(setting, str) else setting

    def text(self, name: str, default: str = "") -> str:
        """The text under ``name``."""
        value = self.fields.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.error(name, f"expected a text, found {shown(value)}")
        return value

    def numbers(self, name: str) -> list[int] | None:
        """The list of whole numbers under ``name``; None where there is none."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(type(v) is int for v in value):
            raise self.error(name, f"expected a list of whole numbers, found {shown(value)}")
        return value

    def texts(self, name: str) -> list[str]:
        """The list of texts under ``name``; empty where there is none."""
        value = self.fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.error(
                name, f"expected a list of texts, found {shown(value)}",
                "write the names as texts in a list",
            )  # fmt: skip
        return value

    def listed(self, name: str) -> list[Any]:
        """The list under ``name``; empty where there is none."""
        value = self.fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(name, f"expected a list, found {shown(value)}")
        return value

    def pattern(self, name: str, length: int) -> list[Any] | None:
        """A per-layer list under ``name``; at least ``length`` long, cut to it."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) < length:
            raise self.error(
                name, f"expected a list with one entry for each of the {length} layers"
            )
        return value[:length]

    def has(self, name: str) -> bool:
        """Whether ``name`` is there and not null."""
        return self.fields.get(name) is not None

    def inner(self, name: str) -> "Config":
        """The mapping under ``name`` as a config of its own."""
        value = self.fields.get(name)
        if not isinstance(value, dict):
            raise self.error(name, f"expected a mapping, found {type(value).__name__}")
        return Config(value, self.file, f"{self.prefix}{name}.")

    def part(self, kind: type[KindT], /, **fields: object) -> KindT:
        """A part of a layer of that kind; fields that are None keep their defaults.

        Raises:
            InputError: the fields do not fit together.
        """
        given = {name: value for name, value in fields.items() if value is not None}
        try:
            return validate(kind, given, self.file)
        except InputError as error:
            where = ".".join(name for name in (kind.role, error.field) if name)
            raise self.error(where, error.problem, error.remedy) from None

    def built(self, kind: type[SpecT], /, **fields: object) -> SpecT:
        """What the config describes, checked by the schema ``kind``.

        Raises:
            InputError: the fields do not fit together.
        """
        try:
            return validate(kind, fields, self.file)
        except InputError as error:
            where = f"{self.prefix}{error.field or ''}".rstrip(".") or None
            raise InputError(
                error.problem, file=self.file, field=where, remedy=error.remedy
            ) from None

    def with_fields(self, fields: dict[str, Any]) -> "Config":
        """The same config with ``fields`` in place of those of the same name."""
        return replace(self, fields={**self.fields, **fields})
