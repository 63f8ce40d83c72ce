"""Writing down what becomes of each request while the simulation runs."""

from array import array
from math import nan

import numpy as np

from simulator.serving.outcome.records import UNFINISHED, Records
from simulator.serving.traffic.request import NO_ROW, IntArray, Request, RequestTable


class Recorder:
    """Columns that fill up row by row, and become :class:`Records` without a copy.

    Plain arrays, because writing single numbers into numpy's is slow.
    """

    def __init__(self, table: RequestTable) -> None:
        rows = len(table)
        self._table = table
        self._arrival_s = array("d", bytes(8 * rows))
        self._started_s = array("d", [nan]) * rows
        self._first_token_s = array("d", [nan]) * rows
        self._finished_s = array("d", [nan]) * rows
        self._cached_tokens = array("q", bytes(8 * rows))
        self._replica = array("q", [-1]) * rows
        self._preemptions = array("q", bytes(8 * rows))
        self._status = array("b", [UNFINISHED]) * rows

    def write(self, request: Request, finished_s: float, status: int) -> None:
        """Put down what became of ``request``."""
        row = request.index
        self._arrival_s[row] = request.arrival_s
        self._finished_s[row] = finished_s
        self._replica[row] = request.replica
        self._status[row] = status
        if request.preemptions:
            self._preemptions[row] = request.preemptions
        if request.cached_tokens:
            self._cached_tokens[row] = request.cached_tokens
        if request.started_s >= 0:
            self._started_s[row] = request.started_s
        if request.first_token_s >= 0:
            self._first_token_s[row] = request.first_token_s

    def records(self) -> Records:
        """The columns as they stand."""
        return Records(
            arrival_s=np.frombuffer(self._arrival_s, np.float64),
            input_tokens=self._table.input_tokens,
            output_tokens=self._table.output_tokens,
            cached_tokens=np.frombuffer(self._cached_tokens, np.int64),
            started_s=np.frombuffer(self._started_s, np.float64),
            first_token_s=np.frombuffer(self._first_token_s, np.float64),
            finished_s=np.frombuffer(self._finished_s, np.float64),
            replica=np.frombuffer(self._replica, np.int64),
            preemptions=np.frombuffer(self._preemptions, np.int64),
            status=np.frombuffer(self._status, np.int8),
            session=_sessions(self._table),
        )


def _sessions(table: RequestTable) -> IntArray:
    if table.session is None:
        return np.full(len(table), NO_ROW, dtype=np.int64)
    return table.session
