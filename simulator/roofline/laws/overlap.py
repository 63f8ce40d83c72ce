"""How two resources that work at the same time share it: neither adds nor quite hides."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def overlapped(one: FloatArray, other: FloatArray, exponent: float) -> FloatArray:
    """Time of two parts that overlap imperfectly: (a^p + b^p)^(1/p).

    With ``exponent`` 1 they follow each other, with infinity the shorter hides behind the
    longer. Scaled by the longer, so that tiny times do not underflow.
    """
    longer = np.maximum(np.maximum(one, other), 1e-300)
    shorter = np.minimum(one, other)
    return np.asarray(longer * (1.0 + (shorter / longer) ** exponent) ** (1.0 / exponent))
