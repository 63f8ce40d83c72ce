"""A server's front end: HTTP and tokenising, one request after another, before the scheduler."""

from collections import deque
from collections.abc import Callable

import simpy

from simulator.serving.traffic.alarm import Alarm
from simulator.serving.traffic.front_end_time import FrontEndTime
from simulator.serving.traffic.request import Request


class FrontEnd:
    """The front end of one replica in time. ``pass_on`` gets each request when it is through."""

    __slots__ = ("_alarm", "_env", "_free_s", "_pass_on", "_queue", "_time")

    def __init__(
        self, env: simpy.Environment, time: FrontEndTime, pass_on: Callable[[Request], None]
    ) -> None:
        self._env = env
        self._time = time
        self._pass_on = pass_on
        self._queue: deque[Request] = deque()
        self._free_s = 0.0
        self._alarm = Alarm(env, self._on_alarm)

    def __len__(self) -> int:
        return len(self._queue)

    def take(self, request: Request) -> None:
        """Queue ``request``, which is submitted to the engine when it is through."""
        self._free_s = max(request.submitted_s, self._free_s) + self._time.of(request)
        request.submitted_s = self._free_s
        self._queue.append(request)
        if len(self._queue) == 1:
            self._wait()

    def _wait(self) -> None:
        self._alarm.set(max(0.0, self._queue[0].submitted_s - self._env.now))

    def _on_alarm(self, _event: simpy.Event) -> None:
        request = self._queue.popleft()
        if self._queue:
            self._wait()
        self._pass_on(request)
