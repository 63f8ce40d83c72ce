"""Steps whose layers' weights are copied in ahead of use, into a fixed number of buffers.

Layers run one after the other; those whose weights lie elsewhere wait for their copy. The link
copies one layer at a time, and a copy needs a buffer: it starts when the layer that used the
buffer last has run. Steps follow each other without a pause, so copies for the next step begin
in this one.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from simulator.roofline.off_device.traffic import FloatArray

_WARM_UP_LAPS = 3
_MOST_LAPS = 12


def prefetched_step_s(
    base_s: ArrayLike, fetch_s: ArrayLike, away: Sequence[bool], depth: int
) -> FloatArray:
    """Seconds of a step that would take ``base_s`` with all weights on the device.

    Args:
        base_s: shared equally by the layers; any shape.
        fetch_s: seconds that one layer's copy holds the link; broadcasts with ``base_s``.
        away: for each layer, whether its weights lie elsewhere.
        depth: buffers, each for one layer.

    The result is the rhythm of an endless run of equal steps. It is never less than ``base_s``
    nor than the time in which the link moves the bytes; with one buffer nothing overlaps but
    the layers that stay.
    """
    base = np.asarray(base_s, dtype=np.float64)
    fetch = np.asarray(fetch_s, dtype=np.float64)
    count = sum(away)
    if count == 0:
        return np.broadcast_to(base, np.broadcast(base, fetch).shape).copy()
    layer = base / len(away)
    # Buffers and layers come round together only after so many steps.
    round_laps = min(depth // math.gcd(depth, count), _MOST_LAPS)
    now = link_free = np.zeros(np.broadcast(base, fetch).shape)
    buffer_free = [now] * depth
    copied = 0
    started = now
    for lap in range(_WARM_UP_LAPS + round_laps):
        if lap == _WARM_UP_LAPS:
            started = now
        for elsewhere in away:
            if elsewhere:
                slot = copied % depth
                link_free = np.maximum(link_free, buffer_free[slot]) + fetch
                now = np.maximum(now, link_free) + layer
                buffer_free[slot] = now
                copied += 1
            else:
                now = now + layer
    rhythm = (now - started) / round_laps
    return np.maximum(np.maximum(rhythm, base), count * fetch)
