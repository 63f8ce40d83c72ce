"""What vLLM's arguments settle together: ranks and experts, captured graphs, offloading."""

from simulator.specs.deployment import Deployment
from simulator.traces.launch.arguments import Arguments, Given
from simulator.traces.launch.drafting import of_vllm
from simulator.traces.launch.settled import (
    GIB,
    Dialect,
    Question,
    Settled,
    Written,
    captured,
    captured_arguments,
    degree,
    offload_arguments,
    offloaded,
    quantised,
    quantised_arguments,
)

_OFFLOAD = {
    "in_place": "--cpu-offload-gb",
    "group": "--offload-group-size",
    "inside": "--offload-num-in-group",
    "ahead": "--offload-prefetch-step",
}
_NO_GRAPHS = "NONE"


def _read(arguments: Arguments, question: Question, settled: Settled) -> None:
    _ranks(arguments, question, settled)
    _graphs(arguments, settled)
    offloaded(arguments, settled, **_OFFLOAD)
    backend = arguments.get("--offload-backend")
    if backend is not None:
        policies = {"uva": "on-demand", "prefetch": "prefetch"}
        found = {c.value for c in settled.changes if c.path.endswith("weights.policy")}
        asked = policies.get(str(backend.value))
        if asked is not None and found and asked not in found:
            raise backend.refused(
                f"{backend.value} contradicts the arguments beside it",
                f"leave {backend.written} out",
            )
    host = arguments.get("--kv-offloading-size")
    if host is not None and host.number() > 0:
        # The size is that of all tensor-parallel ranks together; a scenario says it for a device.
        each = host.number() * GIB / degree(arguments, "--tensor-parallel-size")
        settled.put("deployment.offload.kv.host", each, host)
    active = arguments.get("--max-num-active-seqs")
    if active is not None:
        settled.put("deployment.max_sequences", active.whole(), active)
    of_vllm(arguments, settled)
    quantised(arguments, question, settled)


def _ranks(arguments: Arguments, question: Question, settled: Settled) -> None:
    """Of a dense model data-parallel ranks are copies; they meet in the experts of others."""
    ranks = arguments.get("--data-parallel-size")
    dp = 1 if ranks is None else ranks.degree()
    if ranks is not None and (dp == 1 or question.has_experts()):
        settled.put("deployment.dp", dp, ranks)
    elif ranks is not None:
        settled.put("deployment.replicas", dp, ranks)
    spread = arguments.get("--enable-expert-parallel")
    if spread is None or spread.value is False:
        return
    if not question.has_experts():
        settled.notes.append(f"{spread.written}: the model has no experts to spread")
        return
    beside = "--tensor-parallel-size", "--prefill-context-parallel-size"
    devices = dp * degree(arguments, beside[0]) * degree(arguments, beside[1])
    settled.put("deployment.ep", devices, spread)


def _graphs(arguments: Arguments, settled: Settled) -> None:
    compiled = arguments.get("--compilation-config")
    given = dict(arguments)
    if compiled is not None:
        inside: dict[str, object] = dict(compiled.value)
        for key in ("max_cudagraph_capture_size", "cudagraph_capture_sizes"):
            if inside.get(key) is not None:
                written = f"{compiled.written} {key}"
                given[f"--{key.replace('_', '-')}"] = Given(written, inside.pop(key))
        mode = inside.pop("cudagraph_mode", None)
        if str(mode).upper() in (_NO_GRAPHS, "0"):
            given["cudagraph_mode"] = Given(f"{compiled.written} cudagraph_mode", True)
        if inside:
            settled.notes.append(
                f"{compiled.written} not used in part: {', '.join(sorted(inside))}, as predictions "
                "take the kernels that the engine's profile knows"
            )
    sizes = ("--max-cudagraph-capture-size", "--cudagraph-capture-sizes")
    captured(given, ("--enforce-eager", "cudagraph_mode"), sizes, settled)


def _write(deployment: Deployment, question: Question) -> tuple[Written, frozenset[str]]:
    written: Written = {}
    spoken = set()
    if deployment.dp > 1:
        written["--data-parallel-size"] = deployment.dp
        spoken.add("dp")
    elif deployment.replicas > 1 and not question.has_experts():
        written["--data-parallel-size"] = deployment.replicas
        spoken.add("replicas")
    if deployment.ep == deployment.stage_devices > 1:
        written["--enable-expert-parallel"] = True
        spoken.add("ep")
    graphs, of_graphs = captured_arguments(
        deployment, "--max-cudagraph-capture-size", {"--enforce-eager": True}
    )
    weights, paths = offload_arguments(deployment, **_OFFLOAD)
    cache = None if deployment.offload is None else deployment.offload.kv
    if cache is not None and cache.host:
        written["--kv-offloading-size"] = cache.host * deployment.tp / GIB
        spoken.add("offload.kv.host")
    stored, of_stored = quantised_arguments(deployment, question)
    return written | graphs | weights | stored, frozenset(spoken | of_graphs | paths | of_stored)


DIALECT = Dialect(_read, _write)
