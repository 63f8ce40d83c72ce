"""The one kind of event that serving knows: a call at a later time."""

from collections.abc import Callable

import simpy


class Alarm:
    """Calls ``call`` each time that it rings.

    It may be set again once it has rung, and not before. That puts the same ``Timeout`` on the
    clock again, which spares the simulation one new object for each of its many thousand events.
    """

    __slots__ = ("_calls", "_env", "_timeout")

    def __init__(self, env: simpy.Environment, call: Callable[[simpy.Event], None]) -> None:
        self._env = env
        self._calls = [call]
        self._timeout: simpy.Timeout | None = None

    def set(self, delay_s: float) -> None:
        """Ring ``delay_s`` from now."""
        timeout = self._timeout
        if timeout is None:
            self._timeout = timeout = simpy.Timeout(self._env, delay_s)
        else:
            self._env.schedule(timeout, delay=delay_s)
        timeout.callbacks = self._calls

    def cancel(self) -> None:
        """Do not ring; it may be set to another time at once."""
        if self._timeout is not None and not self._timeout.processed:
            self._timeout.callbacks = []
            self._timeout = None
