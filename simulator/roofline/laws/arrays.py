"""Numbers and arrays alike as arrays of float64, which every law computes with."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def floats(*values: ArrayLike) -> list[FloatArray]:
    """Each of ``values`` as an array."""
    return [np.asarray(v, dtype=np.float64) for v in values]
