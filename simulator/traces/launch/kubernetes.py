"""A server as a Kubernetes manifest: written, and read back."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.specs.question import Change
from simulator.specs.scenario import Scenario
from simulator.specs.what_if import hardware_of
from simulator.traces.launch.read import Launch, read_start
from simulator.traces.launch.shell import command_of
from simulator.traces.launch.start import Start, start_in
from simulator.traces.launch.table import engines, known
from simulator.traces.launch.write import Line, launch_line

HARDWARE = "roofsim/hardware"
"""The annotation that says for which device a manifest was written."""

_RESOURCES = {"NVIDIA": "nvidia.com/gpu", "AMD": "amd.com/gpu", "Google": "google.com/tpu"}
"""What a vendor's devices are asked for by."""

_OTHER_RESOURCE = "nvidia.com/gpu"
_FOLDER = "/etc/launch"
_PORT = 8000


def manifest(scenario: Scenario) -> tuple[str, tuple[str, ...]]:
    """A Deployment and a Service of the scenario's replicas, and what it could not say.

    Each replica is one pod; one that needs more devices than a node has must be spread by other
    means, and is said to.

    Raises:
        InputError: an engine whose launch lines are not known, two pools, or a model with what-ifs.
    """
    import yaml

    engine = scenario.deployment.engine
    deployment = scenario.deployment
    one = deployment.model_copy(update={"replicas": 1, "devices": None})
    line = launch_line(scenario.model_copy(update={"deployment": one}), engine)
    hardware, _ = hardware_of(scenario.hardware)
    left_out = list(line.left_out)
    devices = one.devices_per_replica
    if isinstance(scenario.hardware, dict):
        left_out.append("hardware: what-ifs of it")
    if devices > _NODE:
        left_out.append(
            f"{devices} devices in one pod: spread it over nodes, by LeaderWorkerSet for example"
        )
    resource = _RESOURCES.get(hardware.vendor, _OTHER_RESOURCE)
    if hardware.vendor not in _RESOURCES:
        left_out.append(
            f"what {hardware.vendor}'s devices are asked for by: {_OTHER_RESOURCE} stands for it"
        )
    documents = list(_documents(scenario, line, hardware.name, {resource: devices}))
    return yaml.safe_dump_all(documents, sort_keys=False, width=100), tuple(left_out)


_NODE = 8
"""Devices of a common node."""


def _documents(
    scenario: Scenario, line: Line, hardware: str, resources: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    name = _label(scenario.name)
    labels = {"app": name}
    table = known(line.engine).table
    container: dict[str, Any] = {
        "name": "server",
        "image": f"{table.images[0]}:latest",
        "command": list(line.words[:1]),
        "args": [
            *(f"{_FOLDER}/{w}" if w in line.files else w for w in line.words[1:]),
            # Engines differ in where they listen by default, some to their own pod alone.
            *("--host", "0.0.0.0", "--port", str(_PORT)),
        ],
        "ports": [{"containerPort": _PORT}],
        "resources": {"limits": dict(resources)},
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
    }
    volumes: list[dict[str, Any]] = [{"name": "shm", "emptyDir": {"medium": "Memory"}}]
    if line.files:
        container["volumeMounts"].append({"name": "launch", "mountPath": _FOLDER})
        volumes.append({"name": "launch", "configMap": {"name": name}})
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name},
            "data": dict(line.files),
        }
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "labels": dict(labels),
            "annotations": {HARDWARE: hardware},
        },
        "spec": {
            "replicas": scenario.deployment.replicas,
            "selector": {"matchLabels": dict(labels)},
            "template": {
                "metadata": {"labels": dict(labels)},
                "spec": {"containers": [container], "volumes": volumes},
            },
        },
    }
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": labels, "ports": [{"port": _PORT, "targetPort": _PORT}]},
    }


def _label(name: str) -> str:
    """A name that Kubernetes takes: lower-case letters, digits and dashes."""
    kept = "".join(c if c.isalnum() and c.isascii() else "-" for c in name.lower())
    return kept.strip("-")[:63] or "server"


def read_manifest(text: str, file: Path) -> tuple[Launch, str | None]:
    """The one server of a manifest, and the device that it was written for, if it says so.

    Raises:
        InputError: no manifest, no container that starts a server, or several.
    """
    import yaml

    try:
        documents = [d for d in yaml.safe_load_all(text) if isinstance(d, dict)]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = None if mark is None else f"line {mark.line + 1}"
        raise InputError(
            f"not valid YAML: {getattr(error, 'problem', error)}", file=file, field=place,
            remedy="give the manifest as kubectl prints it with -o yaml",
        ) from None  # fmt: skip
    files = {
        f"{_FOLDER}/{name}": content
        for d in documents
        if d.get("kind") == "ConfigMap"
        for name, content in (d.get("data") or {}).items()
    }
    found = [pair for d in documents for pair in _servers(d, files)]
    if len(found) != 1:
        raise InputError(
            f"{len(found) or 'no'} containers in it start a server of {', '.join(engines())}",
            file=file, remedy="give a manifest of one server, with its command or its image",
        )  # fmt: skip
    start, document = found[0]
    launch = read_start(start, file.parent)
    replicas = (document.get("spec") or {}).get("replicas", 1)
    metadata = document.get("metadata") or {}
    hardware = (metadata.get("annotations") or {}).get(HARDWARE)
    if replicas != 1:
        has = next((c for c in launch.changes if c.path == "deployment.replicas"), None)
        total = replicas * int(str(has.value)) if has is not None else replicas
        change = Change("deployment.replicas", total, f"{file}: spec.replicas")
        launch = Launch(launch.engine, launch.model, (*launch.changes, change), launch.notes)
    return launch, hardware


def _servers(
    document: Mapping[str, Any], files: Mapping[str, str]
) -> Iterator[tuple[Start, Mapping[str, Any]]]:
    for container in _containers(document):
        words = [str(w) for key in ("command", "args") for w in container.get(key) or ()]
        image = str(container.get("image", "")).partition("@")[0]
        environment = {
            str(e.get("name")): str(e.get("value", "")) for e in container.get("env") or ()
        }
        bare = image.rpartition(":")[0] or image
        try:
            start = start_in([command_of(words)]) if words else None
        except InputError:
            start = None
        if start is None:
            engine = next((e for e in engines() if bare.endswith(known(e).table.images)), None)
            if engine is None:
                continue
            start = Start(engine, tuple(words), environment, files)
        yield Start(start.engine, start.arguments, environment, files, start.before), document


def _containers(node: object) -> Iterator[Mapping[str, Any]]:
    """Containers anywhere below a document: of pods, deployments, sets of leaders and workers."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "containers" and isinstance(value, list):
                yield from (c for c in value if isinstance(c, dict))
            else:
                yield from _containers(value)
    elif isinstance(node, list):
        for value in node:
            yield from _containers(value)
