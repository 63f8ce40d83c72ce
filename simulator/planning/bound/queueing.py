"""Published approximations of queues, for numbers or arrays."""

from typing import Any

import numpy as np

_FULL = 1.0 - 1e-6
"""A queue that is busier than this has no steady state; what is told then is only very long."""


def waiting_time(busy: Any, servers: Any, service_s: Any, gaps_cv2: Any, service_cv2: Any) -> Any:
    """Mean wait before one of ``servers`` is free: seconds.

    ``busy`` is the share of the servers' time that is taken. H. Sakasegawa, An approximation
    formula Lq ≈ αρ^β/(1−ρ), Annals of the Institute of Statistical Mathematics 29 (1977), with the
    variability factor of A. O. Allen and J. C. Cunneen; for one server and Poisson arrivals it is
    the formula of F. Pollaczek and A. Khinchine.

    >>> round(waiting_time(0.5, 1, 1.0, 1.0, 1.0), 6)
    1.0
    """
    taken = np.clip(busy, 0.0, _FULL)
    power = np.sqrt(2.0 * (servers + 1.0)) - 1.0
    mean = service_s * taken**power / (servers * (1.0 - taken))
    return mean * (gaps_cv2 + service_cv2) / 2


def even_service_wait(rate: Any, service_s: Any) -> Any:
    """Mean wait for one server that takes ``service_s`` for everybody (M/D/1).

    >>> even_service_wait(0.5, 1.0)
    0.5
    """
    busy = np.minimum(rate * service_s, _FULL)
    found = busy * service_s / (2.0 * (1.0 - busy))
    return float(found) if np.ndim(found) == 0 else found
