"""Writing a simulated point as InferenceX's aggregate files (``agg_<name>.json``) do.

Seconds where the benchmark's own result has milliseconds; every TPOT again as interactivity
(``intvty``, tokens a second for one user); throughput per device.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from simulator.specs.deployment import Deployment

POWER_SCHEMA = 2

Owner = Literal["n", "r"]
"""Whose price a cost is of, by the letter in its name (``costr``): a neocloud's that owns its
devices, or a rent. The benchmark's third, a hyperscaler's own (``costh``), nobody publishes."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Equal replicas as the benchmark describes them: their devices and one replica's layout."""

    hardware: str
    layout: Deployment

    def fields(self) -> dict[str, Any]:
        """The layout under the benchmark's names."""
        d = self.layout
        return {
            "tp": d.tp,
            "pp": d.pp,
            "dcp_size": d.dcp,
            "pcp_size": d.cp,
            "ep": d.ep,
            "dp_attention": str(d.dp > 1).lower(),
        }


def inferencex(
    result: Mapping[str, Any],
    workers: Sequence[Workers],
    *,
    precision: str,
    isl: int,
    osl: int,
    energy_j: float | None = None,
    usd_per_gpu_hour: Mapping[Owner, float] | None = None,
) -> dict[str, Any]:
    """The aggregate of one ``vllm_bench`` result.

    ``workers`` are one kind, or those for prompts and those for answers. ``energy_j`` is that of
    all devices over the run; without it there is no power section. ``usd_per_gpu_hour`` are
    prices by who owns the devices, each of which becomes costs of a million tokens.
    """
    first, last = workers[0], workers[-1]
    counts = [each.layout.total_devices for each in workers]
    # A pool's own devices carry the tokens that it reads or writes.
    inputs, outputs, count = counts[0], counts[-1], sum(counts)
    found: dict[str, Any] = {
        "hw": last.hardware,
        "conc": result.get("max_concurrency"),
        "image": "roofsim",
        "model": result["model_id"],
        "infmax_model_prefix": result["model_id"],
        "framework": last.layout.engine,
        "precision": precision,
        "spec_decoding": "none",
        "disagg": len(workers) > 1,
        "isl": isl,
        "osl": osl,
        "is_multinode": False,
        **(last.fields() if len(workers) == 1 else _pools(first, last)),
        "tput_per_gpu": result["total_token_throughput"] / count,
        "output_tput_per_gpu": result["output_throughput"] / outputs,
        "input_tput_per_gpu": result["total_input_tokens"] / result["duration"] / inputs,
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
    for owner, usd in (usd_per_gpu_hour or {}).items():
        found |= _costs(found, owner, usd)
    return found


def _costs(found: Mapping[str, Any], owner: Owner, usd_per_hour: float) -> dict[str, float]:
    """Dollars a million tokens, as the benchmark counts them: all of the price over each kind."""
    kinds = {"": "tput_per_gpu", "i": "input_tput_per_gpu", "Output": "output_tput_per_gpu"}
    return {
        f"cost{owner}{kind}": 1e6 * usd_per_hour / 3600.0 / found[key]
        for kind, key in kinds.items()
        if found[key]
    }


def _pools(prefill: Workers, decode: Workers) -> dict[str, Any]:
    """Layouts and sizes of both pools, each under its own prefix."""
    found: dict[str, Any] = {}
    for name, pool in (("prefill", prefill), ("decode", decode)):
        found |= {f"{name}_{key}": value for key, value in pool.fields().items()}
        found[f"{name}_num_workers"] = pool.layout.replicas
        found[f"num_{name}_gpu"] = pool.layout.total_devices
        found[f"{name}_hw"] = pool.hardware
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
