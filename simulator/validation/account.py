"""What became of every row of a file: scored, set aside because it may be fitted, or refused."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from simulator.validation.score import Sample


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a file, of which one thing became.

    Args:
        rows: how many of the file's rows they are, repeats of one measurement counted.
        samples: what was measured and predicted where they are scored.
        is_fitted: whether they are set aside, for calibrations may be fitted to them.
        refused: why they are neither; empty where they are either.
    """

    rows: int
    samples: tuple[Sample, ...] = ()
    is_fitted: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """The rows of one file by what became of them; the three sums add up to ``rows``.

    ``refused`` holds rows by reason, the most frequent first.
    """

    file: str
    rows: int
    scored: int
    fitted: int
    refused: tuple[tuple[str, int], ...]

    @staticmethod
    def of(file: str, parts: Iterable[Part]) -> "Account":
        """The account of a file whose rows are all in one of the ``parts``."""
        scored = fitted = 0
        refused: Counter[str] = Counter()
        for part in parts:
            if part.refused:
                refused[part.refused] += part.rows
            elif part.is_fitted:
                fitted += part.rows
            else:
                scored += part.rows
        reasons = tuple((reason, rows) for reason, rows in refused.most_common() if rows)
        return Account(file, scored + fitted + refused.total(), scored, fitted, reasons)

    @property
    def refused_rows(self) -> int:
        """Rows that could not be asked, for whatever reason."""
        return sum(rows for _, rows in self.refused)

    def to_dict(self) -> dict[str, Any]:
        """The account as plain values."""
        reasons = [{"reason": reason, "rows": rows} for reason, rows in self.refused]
        return asdict(self) | {"refused": reasons, "refused_rows": self.refused_rows}
