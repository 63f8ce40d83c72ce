"""A table's requests one by one, as a simulation asks for them when they come."""

from math import gcd

from simulator.serving.traffic.request import Request, RequestTable


class Columns:
    """The table as plain lists, which are faster to read one by one, and its requests."""

    def __init__(self, table: RequestTable, block_tokens: int) -> None:
        self._arrivals: list[float] = table.arrival_s.tolist()
        self._inputs = table.input_tokens.tolist()
        self._outputs = table.output_tokens.tolist()
        self._prefixes = table.prefix_blocks
        self._sessions = None if table.session is None else table.session.tolist()
        self._priorities = None if table.priority is None else table.priority.tolist()
        self._ttft_limits = None if table.ttft_limit_s is None else table.ttft_limit_s.tolist()
        self.unit_tokens = 0
        self._stride = 1
        if table.prefix_blocks is not None:
            # Shared units must be whole blocks. A chained hash stands for all text before it, so
            # every so many-th one is enough.
            self._stride = block_tokens // gcd(table.prefix_block_tokens, block_tokens)
            self.unit_tokens = table.prefix_block_tokens * self._stride

    def arrival_s(self, row: int) -> float:
        """When the request of one row comes, by the table."""
        return self._arrivals[row]

    def request(self, row: int, now: float, ttft_limit_s: float) -> Request:
        """The request of one row, which comes now."""
        own = ttft_limit_s if self._ttft_limits is None else self._ttft_limits[row]
        prefix: tuple[int, ...] = ()
        if self._prefixes is not None:
            prefix = self._prefixes[row]
            if self._stride > 1:
                prefix = prefix[self._stride - 1 :: self._stride]
        request = Request(row, now, self._inputs[row], self._outputs[row], now + own, prefix)
        if self._sessions is not None:
            request.session = self._sessions[row]
        if self._priorities is not None:
            request.priority = self._priorities[row]
        return request
