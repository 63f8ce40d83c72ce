"""A replica whose users each send the next request when the last is answered, by formula."""

import numpy as np

from simulator.graph.step_shape import FloatArray
from simulator.planning.bound.limit import saturation
from simulator.planning.bound.loaded import Loaded, front_s, service_at
from simulator.planning.bound.pace import Pace

_RATES = 48


def closed_loop(pace: Pace, users: FloatArray, think_s: float = 0.0) -> Loaded:
    """What one replica does for ``users`` (numbers of shape (u,)) who pause for ``think_s``.

    By Little's law (J. D. C. Little, A proof for the queuing formula L = λW, 1961) the rate is the
    number of users over the time that each takes for a request. That time is known for any rate,
    so the rate is found by looking it up. Users beyond what the replica takes wait for a place.
    """
    highest = saturation(pace)
    came = highest * np.geomspace(1e-4, 1.0, _RATES)[:, None]
    met = service_at(pace, came)
    knots = pace.sequences
    ends = knots / (pace.steps * met.token_s)
    number = np.array([np.interp(r, e, knots) for r, e in zip(came[:, 0], ends, strict=True)])
    rows = range(_RATES)
    token_s, inside_s, load = (
        np.array([np.interp(number[i], knots, values[i]) for i in rows])
        for values in (met.token_s, met.inside_s, met.prompts_load)
    )
    ttft_s = front_s(pace, came)[:, 0] + inside_s
    rate = came[:, 0]
    held = np.maximum.accumulate(rate * (ttft_s + pace.steps * token_s + think_s))
    asked = np.asarray(users, float)

    def at(values: FloatArray) -> FloatArray:
        return np.asarray(np.interp(asked, held, values))

    found = np.minimum(at(rate), asked / (ttft_s[0] + pace.steps * token_s[0] + think_s))
    # Whoever finds no place waits outside, and that is part of the time to the first token.
    outside_s = np.maximum(asked - held[-1], 0.0) / highest
    gain = pace.steps / max(pace.lengths.answer - 1.0, 1e-9)
    first_s, between_s = at(ttft_s) + outside_s, at(token_s) * gain
    return Loaded(found, first_s, first_s, between_s, between_s, at(number), at(load))
