"""Several systems beside each other: their answers, and why some have none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.simulate.answer import frame
from simulator.simulate.figures import COMPARED
from simulator.simulate.result import SimulationResult

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A system that cannot serve what was asked.

    Args:
        system: its name, as it was written.
        reason: why, in one line.
    """

    system: str
    reason: str


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """Systems side by side.

    Args:
        results: of those that have an answer, in the order in which they were named, but for the
            first: the others are relative to it.
        systems: what each of those was called.
        unanswered: those that have none.
    """

    results: tuple[SimulationResult, ...]
    systems: tuple[str, ...]
    unanswered: tuple[Unanswered, ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary a system: its name, what it answers, and each figure over the first's.

        A system without an answer says why in ``error``.
        """
        first = self.results[0].figures
        rows = [
            {
                "system": name,
                **result.to_dict(),
                **_relative(result.figures, first),
                "error": "",
            }
            for name, result in zip(self.systems, self.results, strict=True)
        ]
        empty = dict.fromkeys(rows[0])
        rows += [{**empty, "system": u.system, "error": u.reason} for u in self.unanswered]
        return rows

    def to_frame(self) -> "DataFrame":
        """The rows as a pandas DataFrame.

        Raises:
            InputError: pandas is not installed.
        """
        return frame(self.rows())

    def __repr__(self) -> str:
        without = f", {len(self.unanswered)} without an answer" if self.unanswered else ""
        return f"<Comparison of {', '.join(self.systems)}{without}>"


def _relative(figures: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, float | None]:
    """What systems are compared by, over that of the first; None where either has none."""
    return {
        f"{figure.key}_relative": figures[figure.key] / first[figure.key]
        if figures.get(figure.key) is not None and first.get(figure.key)
        else None
        for figure in COMPARED
    }
