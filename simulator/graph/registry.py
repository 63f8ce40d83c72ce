"""Finding the class of a part by the ``kind`` that a model file names."""

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

from simulator.errors import InputError, nearest
from simulator.graph.block import Block
from simulator.specs.model import Part
from simulator.specs.reading import validate

BlockT = TypeVar("BlockT", bound=Block)


def import_all(package: str, path: Any) -> None:  # noqa: ANN401
    """Import every module of a package, so that the kinds defined in them are known."""
    for module in iter_modules(path):
        import_module(f"{package}.{module.name}")


def kinds(base: type[BlockT]) -> dict[str, type[BlockT]]:
    """Kind → class, for every subclass of ``base`` that names one."""
    found: dict[str, type[BlockT]] = {}
    for subclass in base.__subclasses__():
        kind = subclass.model_fields["kind"].default
        if isinstance(kind, str):
            found[kind] = subclass
        found.update(kinds(subclass))
    return found


def resolve(part: Part, base: type[BlockT]) -> BlockT:
    """The part as the class of its kind, its fields checked.

    Raises:
        InputError: nobody defined the kind (names the nearest), or a field does not fit it.
    """
    return part if isinstance(part, base) else _resolved(part, base)


@lru_cache(maxsize=4096)
def _resolved(part: Part, base: type[BlockT]) -> BlockT:
    known = kinds(base)
    if part.kind not in known:
        raise InputError(
            f"nobody defined {base.role} of kind {part.kind!r}",
            field=f"layers.{base.role}.kind",
            remedy=nearest(part.kind, known),
        )
    try:
        return validate(known[part.kind], part.model_dump(), None)
    except InputError as error:
        raise InputError(
            error.problem,
            field=f"layers.{base.role}.{error.field or 'kind'}",
            remedy=error.remedy,
        ) from None
