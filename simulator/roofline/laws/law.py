"""What a law is: declared once in its folder, and what it is told of one device."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from simulator.errors import InputError, nearest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ConstantsT = TypeVar("ConstantsT", bound="DataclassInstance")
FamilyT = TypeVar("FamilyT")


@dataclass(frozen=True, eq=False)
class LawKind(Generic[ConstantsT, FamilyT]):
    """A law as every device has it; its folder's ``constants`` module holds one for each.

    Args:
        name: as calibration sections spell it; parts go from wide to narrow (``attention.decode``).
        constants: the dataclass of its measured constants; what has a default may stay absent.
        families: kernel families by name, of which a device or an engine chooses one; none for a
            law whose kernels are all alike.
        variants: what may follow the name after a dot: kernels with constants of their own, laid
            over those of the wider name (``matmul.fp8`` over ``matmul``).
    """

    name: str
    constants: type[ConstantsT]
    families: Mapping[str, FamilyT] = field(default_factory=dict)
    variants: tuple[str, ...] = ()

    def named(self, variant: str = "") -> str:
        """The full name of a variant."""
        return f"{self.name}.{variant}" if variant else self.name


@dataclass(frozen=True, slots=True)
class Law(Generic[ConstantsT, FamilyT]):
    """One law on one device.

    Args:
        name: its section, variant included.
        constants: the device's own laid over its class's.
        family: name of the kernel family that runs; empty where the law knows none.
        kernels: that family.
        residual: relative error (one standard deviation of log time).
        origin: what the constants were measured with.
        is_calibrated: whether some of them were measured on this very device.
    """

    name: str
    constants: ConstantsT
    family: str
    kernels: FamilyT
    residual: float
    origin: str
    is_calibrated: bool


def checked(kind: type[ConstantsT], found: Mapping[str, Any], file: str, field: str) -> ConstantsT:
    """The constants ``found`` in section ``field`` of a device's ``file``, as ``kind``.

    Raises:
        InputError: a constant is unknown to the law, missing, or out of its range.
    """
    known, needed = _names_of(kind)
    if not known.issuperset(found):
        unknown = next(name for name in found if name not in known)
        raise InputError(
            "unknown calibration constant",
            file=file,
            field=f"{field}.{unknown}",
            remedy=nearest(unknown, sorted(known)),
        )
    for name in needed:
        if name not in found:
            raise InputError("missing calibration constant", file=file, field=f"{field}.{name}")
    try:
        return kind(**found)
    except ValueError as error:
        raise InputError(str(error), file=file, field=field) from None


@cache
def _names_of(kind: "type[DataclassInstance]") -> tuple[frozenset[str], tuple[str, ...]]:
    """The constants of a law, and those that it cannot do without."""
    needed = tuple(
        f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING
    )
    return frozenset(f.name for f in fields(kind)), needed
