"""When a looked-up table off the device stops being free."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from simulator.roofline.off_device.exposure import FetchedRows
from simulator.roofline.off_device.traffic import FloatArray

_NO_TRAFFIC = np.zeros(())


def table_penalty(rows: FetchedRows, base_s: ArrayLike, tokens: ArrayLike) -> FloatArray:
    """Share by which steps of ``base_s`` and ``tokens`` grow because of the table's fetch."""
    base = np.asarray(base_s, dtype=np.float64)
    return rows.exposed_s(base, tokens, _NO_TRAFFIC) / base


def free_until_tokens(
    rows: FetchedRows,
    step_s: Callable[[FloatArray], FloatArray],
    *,
    most: float = 65536,
    tolerance: float = 0.01,
) -> float:
    """Tokens a step beyond which the fetch costs more than ``tolerance`` of the step.

    ``step_s`` gives the seconds of a step of so many tokens without the table. Returns ``most``
    when no step up to there pays for it, and 0 when every one does.
    """
    tokens = np.unique(np.round(np.geomspace(1, most, 160)))
    paying = table_penalty(rows, step_s(tokens), tokens) > tolerance
    if not paying.any():
        return most
    first = int(np.argmax(paying))
    return float(tokens[first - 1]) if first else 0.0
