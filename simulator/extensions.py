"""What other packages add: attention kinds, policies, laws, trace formats, charts of their own.

A package lists them as entry points of its distribution, in one of the ``GROUPS``; its
``pyproject.toml`` says, for example::

    [project.entry-points."roofsim.policies"]
    longest-first = "my_package:LONGEST_FIRST"

Nothing is looked for until a name is asked that is not built in, so that installed packages
neither slow down a start nor take a built-in name over.
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Literal, TypeVar, get_args

from simulator.errors import InputError

Group = Literal[
    "roofsim.kinds", "roofsim.policies", "roofsim.laws", "roofsim.traces", "roofsim.charts"
]

ExtensionT = TypeVar("ExtensionT")


def extension(group: Group, name: str, kind: type[ExtensionT]) -> ExtensionT | None:
    """What an installed package calls ``name`` in ``group``; None when no package does.

    Raises:
        InputError: two packages claim the name, it cannot be imported, or it is no ``kind``;
            names the packages.
    """
    claims = [point for point in _points(group) if point.name == name]
    if not claims:
        return None
    if len(claims) > 1:
        owners = " and ".join(sorted(_owner(point) for point in claims))
        raise InputError(
            f"{owners} both define {name!r}", field=group, remedy="uninstall one of them"
        )
    found = _loaded(claims[0])
    if not isinstance(found, kind):
        raise InputError(
            f"{name!r} of {_owner(claims[0])} is of type {type(found).__name__}, "
            f"not {kind.__name__}",
            field=group,
            remedy=f"mend its entry point {claims[0].value}",
        )
    return found


def extension_names(group: Group) -> tuple[str, ...]:
    """The names that installed packages define in ``group``, sorted."""
    return tuple(sorted({point.name for point in _points(group)}))


def extension_packages() -> tuple[str, ...]:
    """The installed packages that add anything, each with its version, sorted."""
    dists = {p.dist for group in get_args(Group) for p in _points(group) if p.dist is not None}
    return tuple(sorted(f"{dist.name} {dist.version}" for dist in dists))


@cache
def _points(group: str) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=group))


def _loaded(point: EntryPoint) -> object:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"{point.name!r} of {_owner(point)} cannot be loaded: {error}",
            field=point.group,
            remedy=f"mend its entry point {point.value}, or reinstall the package",
        ) from None


def _owner(point: EntryPoint) -> str:
    return "an unnamed package" if point.dist is None else point.dist.name
