"""One measured figure, and the question to ``predict`` whose answer it should be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.validation.split import is_score_row

DRAFTED = "its answers were drafted, and it does not say how many drafted tokens were right"
"""Why such rows are not asked."""


@dataclass(frozen=True, slots=True)
class Point:
    """One measured figure.

    Args:
        hardware, model: catalogue names.
        phase: decode, prefill or serve.
        quantity: the key of a prediction that the figure is a value of.
        value: what was measured, in that key's unit.
        question: further arguments of ``predict`` (batch, context, tp, precision, engine, …).
        source: who measured it.
        fitted: whether some calibration of the package was fitted to this row; None leaves it
            to the split rule.
        settings: more arguments: how the run was set up. They are not part of what was measured,
            so that learning of one leaves the split into fitted and scored rows as it was.
        unasked: why no question to ``predict`` would be that of the run; empty where one is.
        notes: what was assumed to read it.
        theirs: a row of a user's own file, to which no calibration of the package was fitted.
    """

    hardware: str
    model: str
    phase: str
    quantity: str
    value: float
    question: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    fitted: bool | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    unasked: str = ""
    notes: tuple[str, ...] = ()
    theirs: bool = False

    @property
    def asked(self) -> dict[str, Any]:
        """Everything that ``predict`` is asked, beside hardware, model and phase."""
        return {k: v for k, v in {**self.question, **self.settings}.items() if v is not None}

    @property
    def key(self) -> str:
        """What was measured, as text: the split into fitted and scored rows hangs on it."""
        asked = "|".join(f"{name}={self.question[name]}" for name in sorted(self.question))
        return "|".join((self.hardware, self.model, self.phase, self.quantity, asked))

    @property
    def is_score_row(self) -> bool:
        """Whether the row is kept back for scoring; users' own rows all are."""
        if self.theirs:
            return True
        return is_score_row(self.key) if self.fitted is None else not self.fitted

    @property
    def described(self) -> str:
        """What was asked, in a few words."""
        said = {**self.question, **self.settings}
        return " ".join(f"{name}={value}" for name, value in said.items() if value is not None)
