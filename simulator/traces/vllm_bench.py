"""Writing what a simulation measured as ``vllm bench serve --save-result`` would have.

Names and definitions are vLLM's: milliseconds, TPOT over the tokens after the first, and
``std`` over requests. Times between tokens are those of the simulated steps.
"""

from typing import Any

import numpy as np

from simulator.serving.outcome.metrics import ServingMetrics
from simulator.serving.outcome.records import LOST, REJECTED, Records
from simulator.serving.outcome.timeline import Timeline
from simulator.serving.traffic.request import FloatArray

PERCENTILES = (50, 90, 95, 99)


def vllm_bench(
    records: Records,
    metrics: ServingMetrics,
    timeline: Timeline,
    *,
    model: str,
    backend: str = "vllm",
    request_rate: float = float("inf"),
    burstiness: float = 1.0,
    max_concurrency: int | None = None,
    detailed: bool = False,
    metadata: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The result file's content, ready for ``json.dump``.

    ``detailed`` adds the lists of ``--save-detailed``; there each request's ``itls`` are its mean
    gap repeated, as the simulation does not keep every token.
    """
    done = records.finished
    result: dict[str, Any] = {
        "endpoint_type": backend,
        "backend": backend,
        "label": None,
        "model_id": model,
        "tokenizer_id": model,
        "num_prompts": metrics.requests,
        "request_rate": "inf" if np.isinf(request_rate) else request_rate,
        "burstiness": burstiness,
        "max_concurrency": max_concurrency,
        **(metadata or {}),
        "duration": metrics.makespan_s,
        "completed": metrics.finished,
        "failed": metrics.requests - metrics.finished,
        "total_input_tokens": metrics.input_tokens,
        "total_output_tokens": metrics.output_tokens,
        "request_throughput": metrics.requests_per_s,
        "request_goodput": metrics.goodput_requests_per_s,
        "output_throughput": metrics.output_tokens_per_s,
        "total_token_throughput": metrics.total_tokens_per_s,
        "max_output_tokens_per_s": _peak_output(timeline),
        "max_concurrent_requests": _peak_concurrency(records),
        "rtfx": 0.0,
        # Beside vLLM's own: readers of such files pass over keys that they do not know.
        "total_energy_j": metrics.energy_j,
        "joules_per_output_token": _per(metrics.energy_j, metrics.output_tokens),
        "joules_per_request": _per(metrics.energy_j, metrics.finished),
    }
    for name, values in (
        ("ttft", records.ttft_s),
        ("tpot", records.tpot_s),
        ("e2el", records.e2e_s),
    ):
        result |= _spread(name, values[done])
    result |= {
        "mean_itl_ms": 1e3 * metrics.itl_s.mean,
        "median_itl_ms": 1e3 * metrics.itl_s.p50,
        "std_itl_ms": None,
        **{f"p{p}_itl_ms": 1e3 * timeline.gap_percentile(p) for p in PERCENTILES},
    }
    if detailed:
        result |= _lists(records)
    return {key: _plain(value) for key, value in result.items()}


def _per(energy_j: float, count: int) -> float | None:
    return energy_j / count if count else None


def _spread(name: str, values_s: FloatArray) -> dict[str, float]:
    known = values_s[np.isfinite(values_s)] * 1e3
    if not known.size:
        return {f"mean_{name}_ms": 0.0, f"median_{name}_ms": 0.0, f"std_{name}_ms": 0.0}
    found = {
        f"mean_{name}_ms": float(known.mean()),
        f"median_{name}_ms": float(np.median(known)),
        f"std_{name}_ms": float(known.std()),
    }
    levels = np.percentile(known, PERCENTILES)
    return found | {f"p{p}_{name}_ms": float(v) for p, v in zip(PERCENTILES, levels, strict=True)}


_ERRORS = {REJECTED: "longer than this deployment takes", LOST: "no replica was left"}


def _lists(records: Records) -> dict[str, Any]:
    tpot = np.nan_to_num(records.tpot_s)
    refused = ~records.finished
    return {
        "input_lens": records.input_tokens.tolist(),
        "output_lens": np.where(refused, 0, records.output_tokens).tolist(),
        "ttfts": np.nan_to_num(records.ttft_s).tolist(),
        "itls": [
            [gap] * (0 if lost else count - 1)
            for gap, count, lost in zip(
                tpot.tolist(), records.output_tokens.tolist(), refused.tolist(), strict=True
            )
        ],
        "latencies": np.where(refused, 0.0, records.e2e_s).tolist(),
        "start_times": records.arrival_s.tolist(),
        "queue_times": np.nan_to_num(records.queue_s).tolist(),
        "generated_texts": [""] * len(tpot),
        "errors": [_ERRORS.get(status, "") for status in records.status.tolist()],
    }


def _peak_output(timeline: Timeline) -> float:
    series = timeline.series()
    return float(series["output_tokens"].max() / timeline.bin_s)


def _peak_concurrency(records: Records) -> int:
    done = records.finished
    times = np.concatenate([records.arrival_s[done], records.finished_s[done]])
    change = np.repeat([1, -1], int(done.sum()))
    # At one moment, those who leave go before those who come.
    order = np.lexsort((change, times))
    return int(change[order].cumsum().max(initial=0))


def _plain(value: object) -> object:
    """JSON has no NaN."""
    return None if isinstance(value, float) and not np.isfinite(value) else value
