"""Every system that a plan may choose: one replica of it, with its price, or why it is none."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from simulator.economics.cost import device_price
from simulator.economics.price import DevicePrice
from simulator.errors import InputError
from simulator.simulate.cluster import resolve
from simulator.simulate.replica import Replica
from simulator.specs import catalogue
from simulator.specs.hardware import Hardware
from simulator.specs.plan import Plan
from simulator.specs.scenario import Scenario

NO_PRICE = "have no price on the basis"
_CLASSES = ("datacenter-gpu", "datacenter-accelerator", "tpu", "wafer")
_MOST_TP = 16
_DEGREES = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Candidate:
    """One replica of a system that could serve the traffic.

    Args:
        scenario: the plan's scenario with this system, of one replica.
        replica: that replica, resolved.
        price: of an hour of one device; None where nobody asks for dollars.
    """

    scenario: Scenario
    replica: Replica
    price: DevicePrice | None

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return self.replica.deployment.devices_per_replica

    @property
    def usd_per_hour(self) -> float:
        """Dollars for an hour of one replica, without energy that is paid beside it."""
        return self.devices * (self.price.usd_per_hour if self.price else 0.0)

    @property
    def family(self) -> str:
        """What it is a variant of: the hardware."""
        return self.replica.hardware.title

    @property
    def words(self) -> str:
        """The system in a line, with the settings that are chosen from: ``…, tp 4, fp8, vllm``."""
        replica, limits, plan = self.replica, self.replica.limits, self.scenario.plan
        parts = [self.family, replica.deployment.degrees or "one device", replica.precision]
        if replica.kv_precision != replica.precision:
            parts.append(f"cache {replica.kv_precision}")
        parts.append(replica.profile.name)
        drafts = replica.deployment.speculation
        if drafts is not None:
            depth = "" if drafts.depth is None else f" {drafts.depth}"
            parts.append(f"drafting by {drafts.method}{depth}")
        if plan.max_batched_tokens:
            parts.append(f"{limits.max_batched_tokens // limits.ranks:,} tokens a step")
        if plan.max_sequences:
            parts.append(f"{limits.max_sequences // limits.ranks:,} sequences")
        return ", ".join(parts)


@dataclass(frozen=True)
class Refused:
    """A system that cannot serve, and why.

    Args:
        family: its hardware.
        words: the system, or what of it is tried.
        kind: which limit it breaks, to be counted.
        reason: the same with its numbers.
        ttft_s, tpot_s: what an idle one would reach, where that is known.
    """

    family: str
    words: str
    kind: str
    reason: str
    ttft_s: float | None = None
    tpot_s: float | None = None


def candidates(scenario: Scenario, *, needs_price: bool = True) -> Iterator[Candidate | Refused]:
    """Every combination of the plan's choices that makes sense on some hardware.

    Raises:
        InputError: a name that nobody knows.
    """
    plan = scenario.plan
    for hardware in _hardware(plan):
        price = device_price(hardware, scenario.economics)
        if price is None and needs_price:
            yield Refused(hardware.title, "any layout", NO_PRICE, NO_PRICE)
            continue
        for update in _settings(scenario, hardware):
            deployment = scenario.deployment.model_copy(update=update)
            asked = scenario.on(hardware.name).model_copy(update={"deployment": deployment})
            try:
                pool = resolve(asked).pools[0]
            except InputError as error:
                words = ", ".join(f"{k} {update[k]}" for k in ("tp", "dp", "precision", "engine"))
                yield Refused(hardware.title, words, _kind(error), error.problem)
                continue
            yield Candidate(asked, pool.replica, price)


def _kind(error: InputError) -> str:
    """In a few words what is wrong with a system that cannot be laid out."""
    return "do not fit or cannot be laid out" if error.field != "hardware" else "are not served"


def _hardware(plan: Plan) -> list[Hardware]:
    names = tuple(dict.fromkeys((*plan.hardware, *plan.stock)))
    if names:
        return [catalogue.hardware(name) for name in names]
    return [
        device
        for device in catalogue.all_hardware()
        if device.device_class in _CLASSES and not device.hypothetical
    ]


def _settings(scenario: Scenario, hardware: Hardware) -> Iterator[dict[str, object]]:
    """What each candidate on ``hardware`` changes of the scenario's deployment."""
    plan, own = scenario.plan, scenario.deployment
    joined = _joined(hardware)
    degrees = plan.tp or tuple(d for d in _DEGREES if d <= min(joined, _MOST_TP))
    choices = product(
        plan.engine or (own.engine,),
        plan.precision or (own.precision,),
        plan.kv_precision or (own.kv_precision,),
        degrees,
        plan.dp or (own.dp,),
        (own.speculation, *plan.speculation),
        plan.max_batched_tokens or (own.max_batched_tokens,),
        plan.max_sequences or (own.max_sequences,),
    )
    for engine, precision, kv_precision, tp, dp, drafts, tokens, sequences in choices:
        yield {
            "engine": engine,
            "precision": precision,
            "kv_precision": kv_precision,
            "tp": tp,
            "dp": dp,
            "ep": tp * dp if dp > 1 else own.ep,
            "speculation": drafts,
            "max_batched_tokens": tokens,
            "max_sequences": sequences,
            "replicas": 1,
            "devices": None,
        }


def _joined(hardware: Hardware) -> int:
    """Devices that the first link joins; one where there is none."""
    link = hardware.links.scale_up
    return 1 if link is None or link.domain is None else int(link.domain.value)
