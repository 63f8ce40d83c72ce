"""What TensorRT-LLM's fields settle together: attention's ranks, waiting, graphs, the cache."""

from simulator.specs import catalogue
from simulator.specs.deployment import Deployment
from simulator.traces.launch.arguments import Arguments
from simulator.traces.launch.drafting import of_trtllm
from simulator.traces.launch.settled import (
    Dialect,
    Question,
    Settled,
    Written,
    captured,
    captured_arguments,
)

_BALANCE = "--attention_dp_config.enable_balance"
_TIMEOUT = "--attention_dp_config.timeout_iters"
_TIMEOUT_ITERS = 50
"""Steps that a balanced prompt waits at most, where nothing is said (its AttentionDpConfig)."""


def _read(arguments: Arguments, _question: Question, settled: Settled) -> None:
    _ranks(arguments, settled)
    balance = arguments.get(_BALANCE)
    if balance is not None and balance.value:
        waits = arguments.get(_TIMEOUT)
        steps = _TIMEOUT_ITERS if waits is None else waits.whole()
        settled.put("deployment.scheduling.balance_steps", steps, waits or balance)
    elif _TIMEOUT in arguments:
        settled.notes.append(f"{arguments[_TIMEOUT].written} not used: balance is not enabled")
    held = arguments.get("--kv_cache_config.max_tokens")
    if held is not None and held.value is not None:
        block = arguments.get("--kv_cache_config.tokens_per_block")
        own = catalogue.engine_profile("trtllm").kv_block_tokens
        tokens = own if block is None else block.degree()
        settled.put("deployment.kv_blocks", held.whole() // tokens, held)
    graphs = arguments.get("--cuda_graph_config")
    if graphs is not None and graphs.value is None:
        settled.put("deployment.captured_tokens", 0, graphs)
    sizes = ("--cuda_graph_config.max_batch_size", "--cuda_graph_config.batch_sizes")
    captured(arguments, (), sizes, settled)
    of_trtllm(arguments, settled)


def _ranks(arguments: Arguments, settled: Settled) -> None:
    """``enable_attention_dp`` makes every rank of a stage one with sequences of its own."""
    stage = arguments.get("--tensor_parallel_size")
    spread = arguments.get("--enable_attention_dp")
    devices = 1 if stage is None else stage.degree()
    if spread is not None and spread.value:
        settled.put("deployment.tp", 1, spread)
        settled.put("deployment.dp", devices, stage or spread)
    elif stage is not None:
        settled.put("deployment.tp", devices, stage)
    shared = arguments.get("--moe_tensor_parallel_size")
    if shared is None or shared.value is None:
        return
    whole = arguments.get("--moe_expert_parallel_size")
    if whole is None:
        settled.put("deployment.ep", devices // shared.degree(), shared)
    elif whole.whole() * shared.whole() != devices:
        raise shared.refused(
            f"{shared.whole()} × {whole.whole()} of the experts are not the {devices} devices of a "
            "stage",
            "leave moe_tensor_parallel_size out",
        )


def _write(deployment: Deployment, _question: Question) -> tuple[Written, frozenset[str]]:
    d = deployment
    written: Written = {}
    spoken = set()
    if d.dp > 1 and d.tp == 1:
        written |= {"--tensor_parallel_size": d.dp, "--enable_attention_dp": True}
        spoken |= {"tp", "dp"}
    elif d.dp == 1:
        spoken |= {"tp", "dp"}
        if d.tp > 1:
            written["--tensor_parallel_size"] = d.tp
    if d.scheduling.balance_steps:
        written |= {_BALANCE: True, _TIMEOUT: d.scheduling.balance_steps}
        spoken.add("scheduling.balance_steps")
    if d.kv_blocks is not None:
        block = d.kv_block_tokens or catalogue.engine_profile("trtllm").kv_block_tokens
        written["--kv_cache_config.max_tokens"] = d.kv_blocks * block
        spoken.add("kv_blocks")
    graphs, of_graphs = captured_arguments(
        d, "--cuda_graph_config.max_batch_size", {"--cuda_graph_config": None}
    )
    return written | graphs, frozenset(spoken | of_graphs)


DIALECT = Dialect(_read, _write)
