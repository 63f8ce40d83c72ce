"""Writing a simulated point as InferenceX's aggregate files (``agg_<name>.json``) do.

Seconds where the benchmark's own result has milliseconds; every TPOT again as interactivity
(``intvty``, tokens a second for one user); throughput per device.
"""

from collections.abc import Mapping
from typing import Any

from simulator.specs.deployment import Deployment

POWER_SCHEMA = 2


def inferencex(
    result: Mapping[str, Any],
    deployment: Deployment,
    *,
    hardware: str,
    precision: str,
    isl: int,
    osl: int,
    concurrency: int | None = None,
    energy_j: float | None = None,
    devices: int | None = None,
) -> dict[str, Any]:
    """The aggregate of one ``vllm_bench`` result.

    ``energy_j`` is that of all devices over the run; without it there is no power section.
    """
    count = devices or deployment.total_devices
    found: dict[str, Any] = {
        "hw": hardware,
        "conc": concurrency if concurrency is not None else result.get("max_concurrency"),
        "image": "roofsim",
        "model": result["model_id"],
        "infmax_model_prefix": result["model_id"],
        "framework": deployment.engine,
        "precision": precision,
        "spec_decoding": "none",
        "disagg": False,
        "isl": isl,
        "osl": osl,
        "is_multinode": False,
        "tp": deployment.tp,
        "pp": deployment.pp,
        "dcp_size": deployment.dcp,
        "pcp_size": deployment.cp,
        "ep": deployment.ep,
        "dp_attention": str(deployment.dp > 1).lower(),
        "tput_per_gpu": result["total_token_throughput"] / count,
        "output_tput_per_gpu": result["output_throughput"] / count,
        "input_tput_per_gpu": result["total_input_tokens"] / result["duration"] / count,
    }
    for key, value in result.items():
        if not key.endswith("_ms") or value is None:
            continue
        name = key.removesuffix("_ms")
        found[name] = value / 1e3
        if "tpot" in name and value:
            found[name.replace("tpot", "intvty")] = 1e3 / value
    found |= _by_percentile(found)
    if energy_j is not None:
        found |= _power(result, energy_j, count)
    return found


def _by_percentile(found: Mapping[str, Any]) -> dict[str, Any]:
    """The same figures under the newer names, ``ttft_p50`` for ``median_ttft`` and so on."""
    names = {
        "ttft": "ttft",
        "tpot": "tpot",
        "intvty": "intvty",
        "itl": "itl",
        "e2el": "e2e_latency",
    }
    renamed = {}
    for old, new in names.items():
        for key, percentile in (("median", "p50"), ("p90", "p90"), ("p95", "p95"), ("p99", "p99")):
            if f"{key}_{old}" in found:
                renamed[f"{new}_{percentile}"] = found[f"{key}_{old}"]
    return renamed


def _power(result: Mapping[str, Any], energy_j: float, devices: int) -> dict[str, Any]:
    inputs, outputs = result["total_input_tokens"], result["total_output_tokens"]
    watts = energy_j / result["duration"]

    def per(count: float) -> float | None:
        return energy_j / count if count else None

    return {
        "power_metric_schema_version": POWER_SCHEMA,
        "power_valid": True,
        "avg_power_w": watts / devices,
        "avg_total_gpu_power_w": watts,
        "total_gpu_energy_j": energy_j,
        "joules_per_successful_query": per(result["completed"]),
        "joules_per_input_token": per(inputs),
        "joules_per_output_token": per(outputs),
        "joules_per_total_token": per(inputs + outputs),
    }
