"""Errors of predictions against measurements, grouped as a reader wants to see them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.specs.quantity import Z_80

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured figure, what was predicted, and how sure the prediction was.

    ``sigma`` is the prediction's relative error (standard deviation of the logarithm), NaN
    where it gave none. ``short`` marks kernels so brief that only their absolute error counts.
    ``asked`` says in words what was measured, where a row is told by itself. ``bare`` is what
    ``predict`` alone says, where what a table timed beside its kernels was found from its rows.
    """

    hardware: str
    model: str
    phase: str
    quantity: str
    measured: float
    predicted: float
    sigma: float = float("nan")
    short: bool = False
    source: str = ""
    asked: str = ""
    bare: float = float("nan")

    @property
    def log_ratio(self) -> float:
        """log(predicted / measured)."""
        return float(np.log(self.predicted / self.measured))

    @property
    def is_inside(self) -> bool:
        """Whether the measured value lies in the prediction's 80 % interval."""
        return abs(self.log_ratio) <= Z_80 * self.sigma

    def to_dict(self) -> dict[str, Any]:
        """The row as plain values."""
        found = {name: getattr(self, name) for name in _ROW}
        return found | {"error": self.predicted / self.measured - 1, "inside": self.is_inside}


_ROW = ("hardware", "model", "phase", "quantity", "asked", "measured", "predicted", "source")


@dataclass(frozen=True, slots=True)
class Group:
    """Errors of like samples. Errors are absolute relative errors, ``bias`` the geometric mean
    of predicted over measured, ``coverage`` the share of measured values inside the 80 %
    intervals, ``weighted_error`` the absolute errors' sum over that of the measured values (large
    values count more), ``mean_absolute`` the mean absolute error in the quantity's own unit."""

    hardware: str
    model: str
    phase: str
    quantity: str
    rows: int
    mean_error: float
    median_error: float
    p90_error: float
    bias: float
    coverage: float
    weighted_error: float
    mean_absolute: float
    bare_error: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The group as plain values."""
        return asdict(self)


ALL = "all"
"""What a group says where it joins several devices or models."""


def group_by(samples: Iterable[Sample], *names: str) -> tuple[Group, ...]:
    """Samples that agree in ``names`` (fields of a sample) as one group each, sorted."""
    found: dict[tuple[str, ...], list[Sample]] = {}
    for sample in samples:
        found.setdefault(tuple(getattr(sample, n) for n in names), []).append(sample)
    return tuple(
        summarise(members, **dict(zip(names, key, strict=True)))
        for key, members in sorted(found.items())
    )


def summarise(samples: Sequence[Sample], **names: str) -> Group:
    """All ``samples`` as one group; fields not in ``names`` are called ``all``."""
    measured = np.array([s.measured for s in samples], np.float64)
    predicted = np.array([s.predicted for s in samples], np.float64)
    sigma = np.array([s.sigma for s in samples], np.float64)
    bare = np.array([s.bare for s in samples], np.float64)
    alone = np.abs(bare / measured - 1)[np.isfinite(bare)]
    relative = np.abs(predicted / measured - 1)
    ratio = np.log(predicted / measured)
    known = np.isfinite(sigma)
    inside = np.abs(ratio[known]) <= Z_80 * sigma[known]
    fields = {name: names.get(name, ALL) for name in ("hardware", "model", "phase", "quantity")}
    return Group(
        **fields,
        rows=len(samples),
        mean_error=float(relative.mean()),
        median_error=float(np.median(relative)),
        p90_error=float(np.quantile(relative, 0.9)),
        bias=float(np.exp(ratio.mean())),
        coverage=float(inside.mean()) if known.any() else float("nan"),
        weighted_error=float(np.abs(predicted - measured).sum() / measured.sum()),
        mean_absolute=float(np.abs(predicted - measured).mean()),
        bare_error=float(alone.mean()) if len(alone) else None,
    )
