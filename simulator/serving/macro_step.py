"""How many steps of a run have begun by a given time, without taking them one by one."""

from simulator.serving.step_clock import DecodeCurve


def steps_until(
    curve: DecodeCurve, context: float, elapsed_s: float, most: int, most_s: float, most_j: float
) -> tuple[int, float, float]:
    """The fewest steps that take ``elapsed_s`` or longer, with their seconds and joules.

    ``most`` steps take ``most_s``, no less than ``elapsed_s``, and ``most_j``.
    Time grows almost linearly with steps, so a straight line between two known points lands
    next to the answer; halving takes over should that ever fail to close in.
    """
    below, below_s = 0, 0.0
    above, above_s, above_j = most, most_s, most_j
    tries = 0
    while above - below > 1:
        if tries < 6 and above_s > below_s:
            share = (elapsed_s - below_s) / (above_s - below_s)
            steps = below + int(share * (above - below)) + (tries % 2 == 0)
            steps = min(max(steps, below + 1), above - 1)
        else:
            steps = (below + above) // 2
        tries += 1
        time_s, energy_j = curve.run(context, steps)
        if time_s >= elapsed_s:
            above, above_s, above_j = steps, time_s, energy_j
            # The last step takes about as long as the others, at least three quarters of that:
            # then the one before it ended too early, and need not be tried.
            if time_s - 0.75 * time_s / steps < elapsed_s:
                break
        else:
            below, below_s = steps, time_s
    return above, above_s, above_j
