"""Many points at once: arrays in the place of single numbers, and figures that are arrays too."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.simulate.answer import Interval
from simulator.simulate.prediction import Prediction
from simulator.specs.question import flags


def arrays_in(fields: Mapping[str, object]) -> dict[str, NDArray[Any]]:
    """The fields that hold several values, as arrays of one shape (n,).

    Raises:
        InputError: lengths that do not go together, or more than one dimension.
    """
    found = {
        name: np.asarray(value)
        for name, value in fields.items()
        if name in flags() and isinstance(value, np.ndarray | list | tuple | range)
    }
    try:
        together = np.broadcast_arrays(*found.values())
    except ValueError:
        lengths = ", ".join(f"{name} {len(value)}" for name, value in found.items())
        raise InputError(
            f"arrays of different lengths: {lengths}",
            field=next(iter(found)),
            remedy="give arrays of one length; numpy.meshgrid and ravel make a grid",
        ) from None
    if any(array.ndim != 1 or not array.size for array in together):
        raise InputError(
            "arrays have one dimension and at least one value", field=next(iter(found))
        )
    return dict(zip(found, together, strict=True))


def stacked(answers: Sequence[Prediction]) -> Prediction:
    """Predictions of one phase as one whose figures are arrays; NaN where a figure is absent."""
    first = answers[0]
    keys = dict.fromkeys(key for each in answers for key in each.figures)
    bounded = dict.fromkeys(key for each in answers for key in each.intervals)
    intervals: dict[str, Interval] = {
        key: (
            _column([each.intervals.get(key, (None, None))[0] for each in answers]),
            _column([each.intervals.get(key, (None, None))[1] for each in answers]),
        )
        for key in bounded
    }
    return Prediction(
        **dict[str, Any](
            (name, _same([getattr(each, name) for each in answers])) for name in first.identity
        ),
        figures={key: _column([each.figures.get(key) for each in answers]) for key in keys},
        intervals=intervals,
        notes=tuple(dict.fromkeys(note for each in answers for note in each.notes)),
    )


def _column(values: list[Any]) -> NDArray[Any]:
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else value for value in values])
    return np.array([np.nan if value is None else value for value in values])


def _same(values: list[Any]) -> object:
    """One value where all are the same, else all of them."""
    return values[0] if len(set(values)) == 1 else np.array(values)
