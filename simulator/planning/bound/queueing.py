"""Published approximations of queues, for numbers or arrays."""

import numpy as np
from numpy.typing import ArrayLike

from simulator.graph.step_shape import FloatArray

_FULL = 1.0 - 1e-6
"""A queue that is busier than this has no steady state; what is told then is only very long."""


def waiting_time(
    busy: ArrayLike,
    servers: ArrayLike,
    service_s: ArrayLike,
    gaps_cv2: ArrayLike,
    service_cv2: ArrayLike,
) -> FloatArray:
    """Mean wait before one of ``servers`` is free: seconds.

    ``busy`` is the share of the servers' time that is taken. H. Sakasegawa, An approximation
    formula Lq ≈ αρ^β/(1−ρ), Annals of the Institute of Statistical Mathematics 29 (1977), with the
    variability factor of A. O. Allen and J. C. Cunneen; for one server and Poisson arrivals it is
    the formula of F. Pollaczek and A. Khinchine.

    >>> round(float(waiting_time(0.5, 1, 1.0, 1.0, 1.0)), 6)
    1.0
    """
    taken, places = np.clip(busy, 0.0, _FULL), np.asarray(servers, float)
    power = np.sqrt(2.0 * (places + 1.0)) - 1.0
    mean = np.asarray(service_s) * taken**power / (places * (1.0 - taken))
    return np.asarray(mean * (np.asarray(gaps_cv2) + np.asarray(service_cv2)) / 2)


def even_service_wait(rate: ArrayLike, service_s: float) -> FloatArray:
    """Mean wait for one server that takes ``service_s`` for everybody (M/D/1): seconds.

    >>> float(even_service_wait(0.5, 1.0))
    0.5
    """
    busy = np.minimum(np.asarray(rate) * service_s, _FULL)
    return np.asarray(busy * service_s / (2.0 * (1.0 - busy)))
