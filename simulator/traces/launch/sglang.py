"""What SGLang's arguments settle together: ranks within a stage, steps, graphs, offloading."""

from simulator.specs import catalogue
from simulator.specs.deployment import Deployment
from simulator.traces.launch.arguments import Arguments, Given
from simulator.traces.launch.drafting import of_sglang
from simulator.traces.launch.settled import (
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
_GB = 1e9


def _read(arguments: Arguments, question: Question, settled: Settled) -> None:
    ranks = _ranks(arguments, settled)
    _steps(arguments, ranks, settled)
    off = ("--disable-cuda-graph",)
    captured(arguments, off, ("--cuda-graph-max-bs-decode", "--cuda-graph-bs-decode"), settled)
    offloaded(arguments, settled, **_OFFLOAD)
    tiers, size = _on(arguments, "--enable-hierarchical-cache"), arguments.get("--hicache-size")
    if size is not None and size.number() > 0:
        settled.put("deployment.offload.kv.host", size.number() * _GB, size)
    elif tiers is not None:
        settled.notes.append(f"{tiers.written}: how large is not said; give it by --hicache-size")
    of_sglang(arguments, settled)
    quantised(arguments, question, settled)


def _on(arguments: Arguments, name: str) -> Given | None:
    """A switch that is given, and not as false in a file."""
    given = arguments.get(name)
    return given if given is not None and given.value is True else None


def _ranks(arguments: Arguments, settled: Settled) -> int:
    """Attention's data- and context-parallel ranks are among those of ``--tp-size``."""
    copies = arguments.get("--dp-size")
    inside = arguments.get("--attn-dp-size")
    spread = _on(arguments, "--enable-dp-attention")
    if spread is not None:
        if inside is not None:
            raise inside.refused(
                "contradicts --enable-dp-attention, which takes --dp-size for it",
                "leave --enable-dp-attention out",
            )
        if copies is None:
            raise spread.refused("needs --dp-size", "add --dp-size, as in --dp-size 8")
        inside, copies = copies, None
    dp = 1 if inside is None else inside.degree()
    cp = degree(arguments, "--attn-cp-size")
    whole = degree(arguments, "--tp-size")
    if whole % (dp * cp):
        given = inside or arguments["--attn-cp-size"]
        raise given.refused(
            f"--tp-size {whole} is not a multiple of its {dp * cp} ranks of attention",
            f"give --tp-size {dp * cp} or a multiple of it",
        )
    if "--tp-size" in arguments:
        settled.put("deployment.tp", whole // (dp * cp), arguments["--tp-size"])
    if inside is not None:
        settled.put("deployment.dp", dp, inside)
    if "--attn-cp-size" in arguments:
        settled.put("deployment.cp", cp, arguments["--attn-cp-size"])
    if copies is not None:
        settled.put("deployment.replicas", copies.degree(), copies)
    _experts(arguments, whole, settled)
    return dp


def _experts(arguments: Arguments, whole: int, settled: Settled) -> None:
    spread = arguments.get("--ep-size")
    backend = arguments.get("--moe-a2a-backend")
    everywhere = next(
        (on for n in ("--enable-ep-moe", "--enable-deepep-moe") if (on := _on(arguments, n))), None
    )
    if backend is not None and backend.value != "none":
        everywhere = backend
    if everywhere is not None and spread is not None and spread.whole() not in (1, whole):
        raise spread.refused(
            f"contradicts {everywhere.written}, which spreads experts over all {whole} devices",
            f"leave {spread.written} out",
        )
    if everywhere is not None:
        settled.put("deployment.ep", whole, everywhere)
        if "--deepep-mode" not in arguments:
            settled.put("deployment.expert_exchange", "auto", everywhere)
    elif spread is not None:
        settled.put("deployment.ep", spread.whole(), spread)


def _steps(arguments: Arguments, ranks: int, settled: Settled) -> None:
    """Sequences and prompt tokens are those of all of attention's ranks, in a scenario of one."""
    running = arguments.get("--max-running-requests")
    if running is not None:
        settled.put("deployment.max_sequences", max(1, running.whole() // ranks), running)
    chunk = arguments.get("--chunked-prefill-size")
    whole = arguments.get("--max-prefill-tokens")
    if chunk is not None and chunk.whole() < 0:
        settled.put("deployment.chunked_prefill", False, chunk)
        if whole is not None:
            settled.put("deployment.max_batched_tokens", whole.whole(), whole)
    elif chunk is not None:
        settled.put("deployment.max_batched_tokens", max(1, chunk.whole() // ranks), chunk)
    if whole is not None and (chunk is None or chunk.whole() >= 0):
        settled.notes.append(
            f"{whole.written} not used: prompts are spread over steps, which "
            "--chunked-prefill-size limits"
        )
    mixed = _on(arguments, "--enable-mixed-chunk")
    if mixed is not None:
        settled.put("deployment.scheduling.steps", "mixed", mixed)
    held = arguments.get("--max-total-tokens")
    if held is not None:
        blocks = held.whole() // _block_tokens(arguments.get("--page-size"))
        settled.put("deployment.kv_blocks", blocks, held)


def _block_tokens(page: Given | None) -> int:
    return catalogue.engine_profile("sglang").kv_block_tokens if page is None else page.degree()


def _write(deployment: Deployment, question: Question) -> tuple[Written, frozenset[str]]:
    d = deployment
    written: Written = {}
    spoken = set()
    if d.stage_devices > 1:
        written["--tp-size"] = d.stage_devices
    if d.dp > 1:
        written["--attn-dp-size"] = d.dp
    if d.cp > 1:
        written["--attn-cp-size"] = d.cp
    if d.replicas > 1:
        written["--dp-size"] = d.replicas
    if d.ep == d.stage_devices > 1 and d.expert_exchange is not None:
        written["--moe-a2a-backend"] = "deepep"
    elif d.ep > 1:
        written["--ep-size"] = d.ep
    spoken |= {"tp", "dp", "cp", "ep", "replicas"}
    if d.max_sequences is not None:
        written["--max-running-requests"] = d.max_sequences * d.dp
        spoken.add("max_sequences")
    if d.chunked_prefill is False:
        written["--chunked-prefill-size"] = -1
        if d.max_batched_tokens is not None:
            written["--max-prefill-tokens"] = d.max_batched_tokens
        spoken |= {"chunked_prefill", "max_batched_tokens"}
    elif d.max_batched_tokens is not None:
        written["--chunked-prefill-size"] = d.max_batched_tokens * d.dp
        spoken |= {"chunked_prefill", "max_batched_tokens"}
    if d.scheduling.steps == "mixed":
        written["--enable-mixed-chunk"] = True
        spoken.add("scheduling.steps")
    if d.kv_blocks is not None:
        block = d.kv_block_tokens or catalogue.engine_profile("sglang").kv_block_tokens
        written["--max-total-tokens"] = d.kv_blocks * block
        spoken.add("kv_blocks")
    graphs, of_graphs = captured_arguments(
        d, "--cuda-graph-max-bs-decode", {"--disable-cuda-graph": True}
    )
    weights, paths = offload_arguments(d, **_OFFLOAD)
    cache = None if d.offload is None else d.offload.kv
    if cache is not None and cache.host:
        written |= {"--enable-hierarchical-cache": True, "--hicache-size": cache.host / _GB}
        spoken.add("offload.kv.host")
    stored, of_stored = quantised_arguments(d, question)
    return written | graphs | weights | stored, frozenset(spoken | of_graphs | paths | of_stored)


DIALECT = Dialect(_read, _write)
