"""What a server's front end takes for a request."""

from dataclasses import dataclass

import numpy as np

from simulator.serving.traffic.request import FloatArray, Request, RequestTable


@dataclass(frozen=True, slots=True)
class FrontEndTime:
    """What one request takes of its replica's front end, which it has for itself meanwhile.

    Args:
        request_s: of any request.
        token_s: of each token of its prompt.
    """

    request_s: float
    token_s: float

    def of(self, request: Request) -> float:
        """Seconds that ``request`` takes."""
        return self.request_s + self.token_s * request.input_tokens

    def passed_s(self, table: RequestTable) -> FloatArray:
        """When each request of an open stream is through, were all of them sent to one replica.

        A request begins when it has come and the one before it is through (Lindley's recursion,
        D. V. Lindley, The theory of queues with a single server, 1952), here in closed form.
        """
        takes_s = self.request_s + self.token_s * table.input_tokens
        taken_s = np.cumsum(takes_s)
        found: FloatArray = taken_s + np.maximum.accumulate(table.arrival_s - taken_s + takes_s)
        return found
