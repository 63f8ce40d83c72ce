"""What a scenario runs on: pools of equal replicas, resolved. A plain deployment is one pool."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.economics.basis import by_provider, others
from simulator.economics.cost import device_price
from simulator.economics.price import DevicePrice
from simulator.errors import InputError
from simulator.graph.build import build
from simulator.roofline.laws.collective.constants import Link
from simulator.roofline.laws.collective.formula import send_receive_s
from simulator.simulate.replica import Replica, replica_of
from simulator.specs.deployment import Deployment, Role
from simulator.specs.economics import Economics
from simulator.specs.hardware import Hardware
from simulator.specs.scenario import Scenario
from simulator.specs.what_if import changes_in


@dataclass(frozen=True)
class Pool:
    """Equal replicas that do the same: ``replica`` is one of them."""

    role: Role
    replica: Replica

    @property
    def replicas(self) -> int:
        """How many there are."""
        return self.replica.deployment.replicas

    @property
    def devices(self) -> int:
        """Devices of all of them."""
        return self.replica.deployment.total_devices

    @property
    def layout(self) -> str:
        """Their layout in a few words: ``tp 4 × 2 replicas``."""
        count = f"{self.replicas} replicas" if self.replicas > 1 else ""
        parts = filter(None, (self.replica.deployment.degrees, count))
        return " × ".join(parts) or "one device"


@dataclass(frozen=True)
class Cluster:
    """Everything that serves one scenario: one pool, or one for prompts and one for answers.

    ``told`` is what the scenario says of itself, and what it changes of the hardware or model that
    it names.
    """

    pools: tuple[Pool, ...]
    told: tuple[str, ...] = ()

    @property
    def prompts(self) -> Replica:
        """A replica that reads prompts."""
        return self.pools[0].replica

    @property
    def answers(self) -> Replica:
        """A replica that answers."""
        return self.pools[-1].replica

    @property
    def devices(self) -> int:
        """Devices of all pools."""
        return sum(pool.devices for pool in self.pools)

    @property
    def replicas(self) -> int:
        """Replicas of all pools."""
        return sum(pool.replicas for pool in self.pools)

    @property
    def layout(self) -> str:
        """How the model is laid out, pool by pool."""
        if len(self.pools) == 1:
            return self.pools[0].layout
        return "; ".join(
            f"{pool.role} {pool.replicas} × ({pool.replica.graph.layout})" for pool in self.pools
        )

    @property
    def devices_by_name(self) -> dict[str, int]:
        """How many devices of each kind there are, by their names in the catalogue."""
        return _added((pool.replica.device.name, pool.devices) for pool in self.pools)

    @property
    def devices_by_title(self) -> dict[str, int]:
        """How many devices of each kind there are, as people call them."""
        return _added((pool.replica.hardware.marked_title, pool.devices) for pool in self.pools)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Assumptions and fallbacks that a reader should hear of."""
        own = (note for pool in self.pools for note in pool.replica.notes)
        return tuple(dict.fromkeys((*self.told, *own)))

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the numbers behind the answer come from, each once."""
        return tuple(dict.fromkeys(s for pool in self.pools for s in pool.replica.sources))

    def prices(self, economics: Economics) -> tuple[DevicePrice | None, ...]:
        """The price of a device of each pool; None without an offer on the basis."""
        return tuple(device_price(pool.replica.hardware, economics) for pool in self.pools)

    def other_economics(self, economics: Economics) -> list[Economics]:
        """Other bases, the nearest first; then the single providers of the declared one."""
        found = list(others(economics))
        if economics.provider is None and economics.basis == "rental":
            known = (price for price in self.prices(economics) if price is not None)
            named = sorted({provider for price in known for provider in price.providers})
            found += [by_provider(economics, provider) for provider in named]
        return found

    def unpriced(self, economics: Economics) -> tuple[Hardware, ...]:
        """Devices without an offer on the basis."""
        pairs = zip(self.pools, self.prices(economics), strict=True)
        without = {p.replica.hardware.name: p.replica.hardware for p, price in pairs if not price}
        return tuple(without.values())

    @cached_property
    def transfer_s(self) -> Callable[[int], float]:
        """Seconds for the cache of a prompt of so many tokens from the first pool to the last.

        The devices that hold different parts of it send side by side, as many as the side with
        fewer of them has; copies on further ranks are not sent.
        """
        first = self.prompts
        whole = build(first.model, None, first.precision, first.kv_precision)
        lanes = min(_holders(self.prompts), _holders(self.answers))
        link = self._link_between_pools()

        def seconds(tokens: int) -> float:
            size = float(whole.kv_bytes(np.asarray(float(tokens))))
            return float(send_receive_s(size / lanes, link))

        return seconds

    def _link_between_pools(self) -> Link:
        """The scale-up link where it joins all devices, else the next level."""
        device = self.prompts.device
        near, far = device.scale_up, device.scale_out
        alike = device.name == self.answers.device.name
        if near is not None and alike and self.devices <= near.fabric.devices:
            return near
        found = far if far is not None else near
        if found is None:
            raise InputError(f"{device.name} has no link to another replica", field="hardware")
        return found


def _added(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, count in counts:
        found[name] = found.get(name, 0) + count
    return found


def _holders(replica: Replica) -> int:
    """Devices of one data-parallel rank."""
    return replica.deployment.devices_per_replica // replica.deployment.dp


def resolve(scenario: Scenario) -> Cluster:
    """The cluster that a scenario describes: names looked up, models laid out, memory checked.

    Raises:
        InputError: an unknown name, a layout that is impossible or does not fit, or pools that
            cache in different formats.
    """
    deployment = scenario.deployment
    what_ifs = tuple(
        f"what-if: {root}.{path} = {value}"
        for root, named in (("hardware", scenario.hardware), ("model", scenario.model))
        for path, value in changes_in(named).items()
    )
    told = (*scenario.notes, *what_ifs)
    if not deployment.pools:
        return Cluster((_pool("both", scenario, deployment),), told)
    pools = tuple(
        _pool(role, scenario, deployment.pool(role), own.hardware)
        for role, own in deployment.pools.items()
    )
    formats = [pool.replica.kv_precision for pool in pools]
    if len(set(formats)) > 1:
        raise InputError(
            f"the prefill pool caches in {formats[0]}, the decode pool in {formats[1]}",
            field="deployment.kv_precision",
            remedy="give one kv_precision for both",
        )
    return Cluster(pools, told)


def _pool(
    role: Role, scenario: Scenario, deployment: Deployment, hardware: str | None = None
) -> Pool:
    try:
        return Pool(role, replica_of(hardware or scenario.hardware, scenario.model, deployment))
    except InputError as error:
        if role == "both":
            raise
        raise InputError(
            f"the {role} pool: {error.problem}",
            file=error.file,
            field=error.field,
            remedy=error.remedy,
        ) from None
