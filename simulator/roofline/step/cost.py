"""What steps cost one device, and what several of them cost together."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulator.roofline.laws.load import FloatArray


@dataclass(frozen=True, slots=True)
class StepCost:
    """Seconds and joules of one device in each step; bytes and FLOPs it moved and did.

    ``bound_s`` shares out the seconds among what binds them.
    """

    time_s: FloatArray
    energy_j: FloatArray
    flops: FloatArray
    memory_bytes: FloatArray
    link_bytes: FloatArray
    relative_sigma: FloatArray
    bound_s: Mapping[str, FloatArray]

    @property
    def power_w(self) -> FloatArray:
        """Watts of one device, on average."""
        return self.energy_j / self.time_s

    @property
    def bound(self) -> np.ndarray:
        """What takes most of each step."""
        names: np.ndarray = np.asarray(tuple(self.bound_s))
        return np.asarray(names[np.argmax(np.stack(list(self.bound_s.values())), axis=0)])

    def plus(self, other: "StepCost", times: int = 1) -> "StepCost":
        """These steps, each followed by ``times`` of the ``other``; their errors go together."""
        time_s = self.time_s + times * other.time_s
        sigma_s = self.time_s * self.relative_sigma + times * other.time_s * other.relative_sigma
        return StepCost(
            time_s,
            self.energy_j + times * other.energy_j,
            self.flops + times * other.flops,
            self.memory_bytes + times * other.memory_bytes,
            self.link_bytes + times * other.link_bytes,
            sigma_s / np.maximum(time_s, 1e-30),
            {kind: spent + times * other.bound_s[kind] for kind, spent in self.bound_s.items()},
        )

    def where(self, chosen: np.ndarray, other: "StepCost") -> "StepCost":
        """These steps where they are ``chosen``, elsewhere the ``other``."""
        return StepCost(
            np.where(chosen, self.time_s, other.time_s),
            np.where(chosen, self.energy_j, other.energy_j),
            np.where(chosen, self.flops, other.flops),
            np.where(chosen, self.memory_bytes, other.memory_bytes),
            np.where(chosen, self.link_bytes, other.link_bytes),
            np.where(chosen, self.relative_sigma, other.relative_sigma),
            {k: np.where(chosen, spent, other.bound_s[k]) for k, spent in self.bound_s.items()},
        )
