"""The one kind of event that serving knows: a call at a later time."""

from collections.abc import Callable

import simpy


class Alarm:
    """Calls ``call`` each time that it rings.

    It may be set again once it has rung or is cancelled, and not before.
    """

    __slots__ = ("_call", "_env", "_timeout")

    def __init__(self, env: simpy.Environment, call: Callable[[simpy.Event], None]) -> None:
        self._env = env
        self._call = call
        self._timeout: simpy.Timeout | None = None

    def set(self, delay_s: float) -> None:
        """Ring ``delay_s`` from now."""
        self._timeout = timeout = self._env.timeout(delay_s)
        timeout.callbacks.append(self._call)

    def cancel(self) -> None:
        """Do not ring; it may be set to another time at once."""
        timeout = self._timeout
        if timeout is not None and not timeout.processed:
            timeout.callbacks.remove(self._call)
            self._timeout = None
