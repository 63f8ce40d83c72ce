"""Many identical replicas, stood for by a few: cost that does not grow with the installation."""

from dataclasses import dataclass

MOST_SIMULATED = 16
"""Replicas that are simulated one by one; more are represented by so many of them.

Routed evenly, identical replicas see the same load, so a sixteenth part of users and replicas
behaves as the whole. What a router gains by choosing among more than 16 is left out.
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """How many replicas are simulated, and how many each of them stands for."""

    replicas: int
    factor: float

    @property
    def is_whole(self) -> bool:
        """Whether every replica is simulated."""
        return self.factor == 1.0

    def users(self, concurrency: int) -> int:
        """Users of the simulated replicas."""
        return max(1, round(concurrency / self.factor))

    def requests(self, asked: int) -> int:
        """Requests that the simulated replicas get of all."""
        return max(self.replicas, round(asked / self.factor))

    def note(self) -> str:
        """What a reader should know of it."""
        whole = round(self.replicas * self.factor)
        return f"{self.replicas} of {whole} identical replicas were simulated"


def sample_of(replicas: int, concurrency: int | None = None) -> Sample:
    """All replicas where they are few, or some have no user; else ``MOST_SIMULATED`` of them."""
    has_idle = concurrency is not None and concurrency < replicas
    if replicas <= MOST_SIMULATED or has_idle:
        return Sample(replicas, 1.0)
    return Sample(MOST_SIMULATED, replicas / MOST_SIMULATED)
