"""What an answer depends on, in a few letters: the question, the files it names, the program."""

import json
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel

from simulator.errors import InputError
from simulator.extensions import extension_packages
from simulator.specs import catalogue
from simulator.specs.folders import PACKAGE, data_folder
from simulator.specs.kept import Reader, Same, kept
from simulator.specs.scenario import Named, Scenario
from simulator.specs.what_if import split_engine
from simulator.specs.workload import Trace


@cache
def program() -> str:
    """A version of roofsim, and a digest of all code and data that its answers come from.

    Two machines whose programs are the same give the same answers; a change of a formula, of the
    catalogue or of an installed package that extends it makes it another program.
    """
    found = sha256()
    data = [data_folder(name) for name in ("hardware_specs", "models")]
    for folder in (PACKAGE, *data):
        for path in sorted(folder.rglob("*")):
            # A wheel has the data inside the package, a checkout beside it.
            is_twice = folder == PACKAGE and any(path.is_relative_to(inner) for inner in data)
            if path.suffix in (".py", ".yaml", ".csv", ".json") and not is_twice:
                found.update(f"{path.relative_to(folder)}\n".encode())
                found.update(path.read_bytes())
    found.update("\n".join(extension_packages()).encode())
    return f"{_version()}+{found.hexdigest()[:16]}"


def _version() -> str:
    try:
        return version("roofsim")
    except PackageNotFoundError:
        return "unknown"


def question_key(scenario: Scenario) -> str:
    """A digest of all that the answer to a scenario depends on.

    Equal for equal questions, however they were asked; another one as soon as the program or a
    file that the question names (device, model, engine, trace, price book) is another.
    """
    return digest(program(), scenario.model_dump_json(), *_named_files(scenario))


def digest(*parts: str) -> str:
    """A digest of texts, in which ``a, bc`` is not ``ab, c``."""
    return sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _named_files(scenario: Scenario) -> Iterator[str]:
    """Digests of what stands behind the names of a question."""
    deployment = scenario.deployment
    pools = deployment.pools.values()
    engines = {deployment.engine, *(pool.engine for pool in pools)}
    devices = {_base(scenario.hardware), *(pool.hardware for pool in pools)} - {None}
    for device in sorted(map(str, devices)):
        yield _of_spec(lambda name: catalogue.hardware(split_engine(name)[0]), device)
    drafts = {
        own.speculation.model
        for own in (deployment, *pools)
        if own.speculation is not None and own.speculation.model is not None
    }
    for model in (_base(scenario.model), *sorted(drafts)):
        yield _of_spec(catalogue.model, model)
    for engine in sorted(engines):
        yield _of_spec(catalogue.engine_profile, engine)
    if isinstance(scenario.workload, Trace):
        yield _of_file(scenario.workload.file)
    if scenario.economics.prices is not None:
        yield _of_file(scenario.economics.prices)


def _base(named: Named) -> str:
    return named if isinstance(named, str) else str(named["base"])


_UNKNOWN = "unknown"
"""In place of what cannot be read: the answer says why."""


def _of_spec(look: Callable[[str], BaseModel], name: str) -> str:
    try:
        return _of_object(Same(look(name)))
    except InputError:
        return _UNKNOWN


@lru_cache(maxsize=1024)
def _of_object(spec: Same[BaseModel]) -> str:
    return digest(spec.thing.model_dump_json())


def _of_file(path: Path) -> str:
    try:
        return _of_content(path)
    except OSError:
        return _UNKNOWN


@kept
def _of_content(path: Path, reader: Reader) -> str:
    reader.exists(path)
    return sha256(path.read_bytes()).hexdigest()
