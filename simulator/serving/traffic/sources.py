"""Who sends requests when: an open stream, users in a closed loop, turns of conversations."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import inf

import simpy

from simulator.serving.traffic.alarm import Alarm
from simulator.serving.traffic.request import NO_ROW, FloatArray, RequestTable

Send = Callable[[int, float], None]
"""(row, time at which its request arrives)."""

_NOBODY: tuple[int, float] = (NO_ROW, inf)
"""Row and arrival of a request that never comes."""


class Source(ABC):
    """What all sources share: a turn of a conversation is sent after its predecessor's answer."""

    def __init__(self, env: simpy.Environment, table: RequestTable, send: Send) -> None:
        self._env = env
        self._send = send
        self._next_turn: dict[int, tuple[int, float]] = {}
        self._heads: range | list[int] = range(len(table))
        if table.follows is not None:
            follows = table.follows.tolist()
            delays = [0.0] * len(table) if table.delay_s is None else table.delay_s.tolist()
            self._heads = [row for row, before in enumerate(follows) if before == NO_ROW]
            self._next_turn = {
                before: (row, delays[row]) for row, before in enumerate(follows) if before != NO_ROW
            }

    @abstractmethod
    def start(self) -> None:
        """Put the first arrivals on the clock."""

    def answered(self, row: int, finished_s: float) -> None:
        """Request ``row`` got its last token (or a refusal) at ``finished_s``."""
        turn = self._next_turn.get(row)
        if turn is None:
            self._conversation_over(finished_s)
        else:
            self._at(finished_s + turn[1], lambda _event: self._send(turn[0], self._env.now))

    @abstractmethod
    def _conversation_over(self, finished_s: float) -> None:
        """Nothing follows the request that was answered at ``finished_s``."""

    def _at(self, time_s: float, call: Callable[[simpy.Event], None]) -> None:
        Alarm(self._env, call).set(max(0.0, time_s - self._env.now))


class OpenStream(Source):
    """Requests are sent at times of their own (``sent_s``), whatever became of earlier ones.

    ``next_s`` is when the next one comes that waits for no other; infinity after the last.
    """

    def __init__(
        self, env: simpy.Environment, table: RequestTable, send: Send, sent_s: FloatArray
    ) -> None:
        super().__init__(env, table, send)
        times: list[float] = sent_s.tolist()
        self._upcoming = ((row, times[row]) for row in self._heads)
        self._alarm = Alarm(env, self._on_alarm)
        self._asks: Callable[[], bool] = _nobody_asks
        self._row, self.next_s = next(self._upcoming, _NOBODY)

    def wait_while(self, asks: Callable[[], bool]) -> None:
        """Send nothing by itself as long as the one who gets all requests ``asks`` for them.

        Who stops asking has to ``wake`` the stream.
        """
        self._asks = asks

    def start(self) -> None:
        self.wake()

    def wake(self) -> None:
        """Put the next arrival on the clock."""
        if self._row != NO_ROW:
            self._alarm.set(max(0.0, self.next_s - self._env.now))

    def _conversation_over(self, finished_s: float) -> None:
        """See ``Source``: nobody waits for an answer."""

    def _on_alarm(self, _event: simpy.Event) -> None:
        self.send_until(self.next_s)
        if not self._asks():
            self.wake()

    def send_until(self, now: float) -> None:
        """Send all requests that have come by ``now``."""
        while self.next_s <= now:
            row, arrival_s = self._row, self.next_s
            self._row, self.next_s = next(self._upcoming, _NOBODY)
            self._send(row, arrival_s)


def _nobody_asks() -> bool:
    return False


class ClosedLoop(Source):
    """``users`` who each have one conversation (or single request) at a time.

    Each thinks for ``think_s`` after the last answer; the users begin evenly over ``ramp_s``.
    """

    def __init__(
        self,
        env: simpy.Environment,
        table: RequestTable,
        send: Send,
        users: int,
        think_s: float,
        ramp_s: float = 0.0,
    ) -> None:
        super().__init__(env, table, send)
        self._users = min(users, len(self._heads))
        self._think_s = think_s
        self._ramp_s = ramp_s
        self._upcoming = iter(self._heads)

    def start(self) -> None:
        for user in range(self._users):
            self._at(self._ramp_s * user / self._users, self._send_next)

    def _conversation_over(self, finished_s: float) -> None:
        self._at(finished_s + self._think_s, self._send_next)

    def _send_next(self, _event: simpy.Event) -> None:
        row = next(self._upcoming, None)
        if row is not None:
            self._send(row, self._env.now)
