"""Messages between the devices of one replica."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.graph.operator.base import Driver, Operator, TokenOperator, Work
from simulator.graph.step_shape import StepShape
from simulator.specs.parallelism import ExchangeModes

"""Every rank gathers all tokens; a token goes once to each rank; or to each expert apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collective(TokenOperator):
    """A message between the devices of one replica.

    Args:
        bytes_per_row: of the whole, unsharded tensor (what a rank holds before an all-reduce or
            reduce-scatter, and after an all-gather), or of the message of a send.
        group: devices that take part.
        stride: how many devices lie between neighbours of the group, plus one.
    """

    kind: Literal["all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send"]
    bytes_per_row: float
    group: int
    stride: int = 1

    def work(self, step: StepShape, activation_bits: float | None = None) -> Work:
        """See ``Operator``: what crosses links is no byte of main memory."""
        return Work(np.zeros_like(step.tokens))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertExchange(Operator):
    """Tokens on their way to the ranks of their experts (dispatch) or back (combine).

    Args:
        combines: whether results come back rather than tokens go out.
        hidden: values of a token.
        bytes_per_value: bytes of one of them on the wire.
        devices: all ranks that take part, ``expert_parallel`` × those that cut experts' widths.
        token_shards: ranks that hold the same rows before; each sends its part of them.
        data_parallel: ranks with rows of their own.
        mode: how tokens travel; ``auto`` takes the fastest.
        skew, redundant: see ``Experts``; the busiest rank sets the time.
    """

    combines: bool
    hidden: int
    experts: int
    top_k: int
    bytes_per_value: float
    devices: int
    expert_parallel: int
    token_shards: int
    data_parallel: int
    mode: ExchangeModes = "auto"
    skew: float = 0.0
    redundant: int = 0

    @property
    def driver(self) -> Driver:
        """See ``Operator``."""
        return "tokens"

    def work(self, step: StepShape, activation_bits: float | None = None) -> Work:
        """See ``Operator``: what crosses links is no byte of main memory."""
        return Work(np.zeros_like(step.tokens))
