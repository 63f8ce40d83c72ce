"""The one kind of event that serving knows: a call at a later time."""

from collections.abc import Callable

import simpy
from simpy.events import NORMAL, Event


class Alarm(Event):
    """Calls ``call`` with itself each time that it rings.

    Unlike a ``Timeout`` it may be set again once it has rung, which spares the simulation one
    new object for each of its many thousand events. It must not be set again before.
    """

    def __init__(self, env: simpy.Environment, call: Callable[[Event], None]) -> None:
        super().__init__(env)
        self._ok = True
        self._value = None
        self._calls = [call]

    def set(self, delay_s: float) -> None:
        """Ring ``delay_s`` from now."""
        self.callbacks = self._calls
        self.env.schedule(self, NORMAL, delay_s)
