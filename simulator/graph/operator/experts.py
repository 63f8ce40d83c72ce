"""The routed experts of a mixture."""

from dataclasses import dataclass

from simulator.graph.operator.base import (
    WIDE_BITS,
    Driver,
    FloatArray,
    KindOfBytes,
    Operator,
    Work,
)
from simulator.graph.routing import REPEATED_CHOICE, ExpertLoads, expert_loads, selection
from simulator.graph.step_shape import StepShape
from simulator.specs.precision import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts(Operator):
    """The routed experts of a mixture: gate, up and down products over the experts touched.

    ``skew`` is the Zipf exponent of the experts' popularity; 0 routes evenly. ``redundant``
    further copies of the most popular experts take a share of their tokens. ``arrives`` is the
    share of all tokens that reaches a rank: all where they are gathered, else those that visit
    one of its experts.
    """

    experts: int
    top_k: int
    hidden: int
    width: int
    gated: bool
    precision: Precision
    expert_parallel: int = 1
    data_parallel: int = 1
    skew: float = 0.0
    redundant: int = 0
    arrives: float = 1.0

    @property
    def parameters(self) -> int:
        """Weights of all different experts of one instance."""
        return self.experts * (3 if self.gated else 2) * self.hidden * self.width

    @property
    def held_parameters(self) -> float:
        """Weights that one of the expert-parallel ranks holds, copies included."""
        copies = 1 + self.redundant / self.experts
        return self.parameters * copies / self.expert_parallel

    @property
    def driver(self) -> Driver:
        """See ``Operator``."""
        return "tokens"

    @property
    def compute_datatype(self) -> str:
        """See ``Operator``."""
        return self.precision.compute

    @property
    def active_parameters(self) -> int:
        """See ``Operator``."""
        return self.parameters * self.top_k // self.experts

    @property
    def held_bytes(self) -> float:
        """See ``Operator``."""
        return self.held_parameters * self.precision.weight_bytes

    def loads(self, step: StepShape) -> ExpertLoads:
        """Rows of each expert of the busiest expert-parallel rank."""
        chosen = selection(self.experts, self.top_k, self.skew, self.redundant)
        further = step.decode_sequences * (step.decode_width - 1.0)
        return expert_loads(
            step.tokens * self.data_parallel,
            chosen,
            self.expert_parallel,
            REPEATED_CHOICE * further * self.data_parallel,
        )

    def work(self, step: StepShape, activation_bits: float | None = None) -> Work:
        """See ``Operator``."""
        return self.work_of(self.loads(step), activation_bits)

    def work_of(self, loads: ExpertLoads, activation_bits: float | None = None) -> Work:
        """One instance: weights of the experts touched, rows in and out of both products."""
        rows, matrices = loads.total_rows(), 3 if self.gated else 2
        narrow = activation_bits or self.precision.activation_bits
        one_expert = matrices * self.hidden * self.width
        read = (self.hidden + self.width) * narrow
        written = ((matrices - 1) * self.width + self.hidden) * WIDE_BITS
        moved: dict[KindOfBytes, FloatArray] = {
            "weights": loads.distinct() * one_expert * self.precision.weight_bits / 8.0,
            "activations": rows * (read + written) / 8.0,
        }
        return Work(2.0 * rows * one_expert, moved)
