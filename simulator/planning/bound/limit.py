"""The most that one replica takes: the rate at which its queues begin to grow without end."""

import numpy as np

from simulator.planning.bound.loaded import loaded
from simulator.planning.bound.pace import Pace

_ROUNDS = 4
_POINTS = 24


def saturation(pace: Pace, gaps_cv2: float = 1.0) -> float:
    """The most requests a second that one replica can take with queues that stay finite."""
    low, high = np.log(1e-6), np.log(1e6)
    for _ in range(_ROUNDS):
        grid = np.linspace(low, high, _POINTS)
        steady = loaded(pace, np.exp(grid), gaps_cv2).is_steady
        last = int(np.argmin(steady)) if not steady.all() else grid.size
        if last == 0:
            return 0.0
        low, high = grid[last - 1], grid[min(last, grid.size - 1)]
    return float(np.exp(low))
