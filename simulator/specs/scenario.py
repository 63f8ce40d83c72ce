"""A scenario: which model on which hardware, laid out how, serving whom, at what price.

Whatever is asked, it is asked as a scenario: a file, the flags of a command, a row of a table.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from simulator.errors import FieldError, shown
from simulator.specs.bill import Bill
from simulator.specs.deployment import Deployment
from simulator.specs.economics import Economics
from simulator.specs.plan import Plan
from simulator.specs.quantity import Flag, Number, Spec, Unit, Whole
from simulator.specs.workload import DecodeStep, Prefill, Workload

Limit = Annotated[float, Unit("seconds", allow_zero=False)]


class Objectives(Spec):
    """Service-level objectives; a request that meets all of them counts as goodput.

    Args:
        ttft: latest first token after a request's arrival.
        tpot: longest mean time between the tokens of an answer.
        e2e: latest end of the answer.
        attainment: share of requests that are to meet all of them at the most load that a machine
            is said to take.
    """

    ttft: Limit | None = None
    tpot: Limit | None = None
    e2e: Limit | None = None
    attainment: Annotated[Number, Field(gt=0, le=1)] = 0.9


def _kind_by_fields(raw: object) -> object:
    if isinstance(raw, dict) and "kind" not in raw:
        return {"kind": "trace" if "file" in raw else "synthetic", **raw}
    return raw


def _named(raw: object) -> object:
    if isinstance(raw, dict) and not isinstance(raw.get("base"), str):
        raise ValueError("a what-if names its base beside what it changes, as in {base: h100-sxm}")
    if not isinstance(raw, str | dict) or not raw:
        raise ValueError(f"must be a name, or a mapping with a base, found {shown(raw)}")
    if isinstance(raw, dict) and not _has_names(raw):
        raise ValueError("every field that a what-if changes is called by its name, a text")
    return raw


def _has_names(mapping: dict[Any, Any]) -> bool:
    return all(
        isinstance(name, str) and (not isinstance(value, dict) or _has_names(value))
        for name, value in mapping.items()
    )


Named = Annotated[str | dict[str, Any], BeforeValidator(_named)]
"""A name of the catalogue or a path; or a ``base`` with fields that differ from its own."""


def _folder_name(name: str) -> str:
    plain = name.isprintable() and not set(name) & set("/\\:")
    if not plain or not name.strip(". ") or name.startswith(".") or len(name.encode()) > _LONGEST:
        raise FieldError(
            f"a report's folder bears it, and none can be called {shown(name)}",
            remedy=f"letters, digits and hyphens, at most {_LONGEST} of them",
        )
    return name


_LONGEST = 200
"""Bytes of a name; a file system takes 255, and a comparison's folder is called longer."""


class Scenario(Spec):
    """Everything one answer needs; names are looked up in the catalogue later.

    Args:
        name: what the scenario is called; a report's folder bears it.
        title: one line about what is asked; absent, told from the other fields.
        model: a name of the catalogue, a Hugging Face id, or a path to a file or its folder.
            A mapping with a ``base`` changes fields of it, as a what-if.
        hardware: a name of the catalogue, name:engine, or a path. A mapping with a ``base``
            changes fields of it, as a what-if.
        deployment: layout, engine and its settings.
        workload: who asks for what, and when.
        objectives: what counts as good service.
        economics: prices and facility.
        plan: of ``roofsim plan``, what it may choose from and must keep to.
        bill: the traffic of months, and what its bill is set against; only ``roofsim bill`` reads
            it.
        warm_up_requests: requests at the start that are served but not measured.
        notes: how the scenario came to be, where a file of another tool was read: what was assumed
            and what was left out. Every answer to it says so too.
    """

    name: Annotated[str, AfterValidator(_folder_name)]
    title: str = ""
    model: Annotated[
        Named,
        Flag(short="m", help="Model name, Hugging Face id, config.json, folder or .gguf file."),
    ]
    hardware: Annotated[Named, Flag(short="w", help="Device name, name:engine, or a YAML file.")]
    deployment: Deployment = Deployment()
    workload: Annotated[Workload, BeforeValidator(_kind_by_fields)]
    objectives: Objectives = Objectives()
    economics: Economics = Economics()
    plan: Plan = Plan()
    bill: Bill | None = None
    warm_up_requests: Annotated[Whole, Field(ge=0)] = 0
    notes: tuple[str, ...] = ()

    def on(self, hardware: str) -> "Scenario":
        """The same question on other hardware, with the same what-ifs; its title is dropped."""
        named: Named = hardware
        if not isinstance(self.hardware, str):
            named = {**self.hardware, "base": hardware}
        return self.model_copy(update={"hardware": named, "title": ""})

    @property
    def is_step(self) -> bool:
        """Whether it asks for engine steps alone, which need no simulation."""
        return isinstance(self.workload, DecodeStep | Prefill)


class Arithmetic(Spec):
    """A bill without a system: plain arithmetic on prices that are given, nothing is simulated.

    Args:
        name: what it is called; a report's folder bears it.
        title: one line about what is asked.
        bill: the traffic of months, and what its bill is set against.
        economics: the price book.
        notes: how it came to be; every answer to it says so too.
    """

    name: Annotated[str, AfterValidator(_folder_name)]
    title: str = ""
    bill: Bill
    economics: Economics = Economics()
    notes: tuple[str, ...] = ()
