"""A scenario file: which model on which hardware, laid out how, serving whom, at what price."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from simulator.specs.deployment import Deployment
from simulator.specs.quantity import Spec, plain
from simulator.specs.reading import put, read_mapping, validate
from simulator.specs.workload import Trace, Workload


class Objectives(Spec):
    """Service-level objectives; a request that meets all of them counts as goodput."""

    ttft: Annotated[float, plain("seconds")] | None = None
    tpot: Annotated[float, plain("seconds")] | None = None
    e2e: Annotated[float, plain("seconds")] | None = None


class Economics(Spec):
    """Prices and facility; what is absent is taken from the hardware's dated offers."""

    usd_per_device_hour: Annotated[float, plain("usd/hour")] | None = None
    provider: str | None = None
    term: str | None = None
    usd_per_kwh: Annotated[float, plain("usd/kwh")] = 0.083
    pue: Annotated[float, Field(ge=1)] = 1.3
    amortisation_years: Annotated[float, Field(gt=0)] = 4.0


def _synthetic_by_default(raw: object) -> object:
    if isinstance(raw, dict) and "kind" not in raw:
        return {"kind": "trace" if "file" in raw else "synthetic", **raw}
    return raw


class Scenario(Spec):
    """Everything one simulation needs; names are looked up in the catalogue later."""

    name: str
    title: str = ""
    model: str
    hardware: str
    deployment: Deployment = Deployment()
    workload: Annotated[Workload, BeforeValidator(_synthetic_by_default)]
    objectives: Objectives = Objectives()
    economics: Economics = Economics()
    warm_up_requests: Annotated[int, Field(ge=0)] = 0


def read_scenario(path: Path | str, overrides: dict[str, Any] | None = None) -> Scenario:
    """Read a scenario file; ``overrides`` (dotted field names) replace what the file says.

    Relative trace paths are taken from the folder of the scenario file.

    Raises:
        InputError: the file or an override does not fit the schema.
    """
    path = Path(path)
    content = read_mapping(path)
    for field, value in (overrides or {}).items():
        put(content, field, value)
    scenario = validate(Scenario, content, path)
    workload = scenario.workload
    if isinstance(workload, Trace) and not workload.file.is_absolute():
        beside = path.parent / workload.file
        if beside.exists():
            resolved = workload.model_copy(update={"file": beside})
            scenario = scenario.model_copy(update={"workload": resolved})
    return scenario
