"""Four hundred questions whose answers are on record: what is asked, as plain data.

Predictions stand one a line in ``predict_questions.txt``; served scenarios and explained steps
are written here, as a scenario file would hold them.
"""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal, NamedTuple

HERE = Path(__file__).resolve().parent
COUNT = 400

Fields = dict[str, Any]


class Question(NamedTuple):
    """``arguments`` are those of ``predict``, or a scenario."""

    id: str
    ask: Literal["predict", "explain", "run"]
    arguments: Fields


def questions() -> list[Question]:
    """All of them, in the order in which they were written."""
    lines = (HERE / "predict_questions.txt").read_text(encoding="utf-8").splitlines()
    predicted = [_predicted(line) for line in lines if line.strip() and not line.startswith("#")]
    run = [Question(f"run/{name}", "run", fields) for name, fields in _runs().items()]
    pools = [Question(f"pools/{name}", "run", fields) for name, fields in _pools().items()]
    explained = [
        Question(f"explain/{name}", "explain", fields) for name, fields in _explained().items()
    ]
    found = [*predicted, *run, *pools, *explained]
    assert len({question.id for question in found}) == len(found) == COUNT, len(found)
    return found


def _predicted(line: str) -> Question:
    phase, hardware, model, *rest = line.split()
    fields: Fields = {"hardware": hardware, "model": model, "phase": phase}
    for pair in rest:
        name, _, text = pair.partition("=")
        _put(fields, name.split("."), _value(text))
    identity = "/".join([phase, hardware, model, *([",".join(rest)] if rest else [])])
    return Question(identity, "predict", fields)


def _put(fields: Fields, path: list[str], value: object) -> None:
    for name in path[:-1]:
        fields = fields.setdefault(name, {})
    fields[path[-1]] = value


def _value(text: str) -> object:
    """Numbers, truth values and lists as JSON writes them, anything else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _scenario(
    hardware: str = "h100-sxm",
    model: str = "llama-3.1-8b",
    *,
    deployment: Fields | None = None,
    workload: Fields | None = None,
    **others: object,
) -> Fields:
    usual = {
        "arrivals": {"process": "poisson", "rate": 8},
        "input_tokens": 600,
        "output_tokens": 40,
        "requests": 60,
        "seed": 1,
    }
    return {
        "name": "golden",
        "hardware": hardware,
        "model": model,
        "deployment": deployment or {},
        "workload": usual | (workload or {}),
        **others,
    }


def _arriving(process: str, **fields: object) -> Fields:
    return {"arrivals": {"process": process, **fields}}


def _users(users: int, **fields: object) -> Fields:
    return _arriving("closed-loop", users=users, **fields)


_CHAT: Fields = {
    "arrivals": {"process": "poisson", "rate": 3},
    "conversations": {"turns": 5, "think_time": 5},
    "input_tokens": 1200,
    "output_tokens": 50,
    "requests": 80,
}
_VARIED: Fields = {
    "input_tokens": {"kind": "lognormal", "mean": 700, "cv": 0.8, "low": 16, "high": 4000},
    "output_tokens": {"kind": "uniform", "low": 5, "high": 80},
}
_TIGHT: Fields = {"kv_blocks": 400}
"""A cache of so few blocks that requests are thrown out of it."""


def _tiers(**kv: object) -> Fields:
    return {"kv_blocks": 1000, "offload": {"kv": kv}}


def _scheduled(deployment: Fields | None = None, **options: object) -> Fields:
    return {**(deployment or {}), "scheduling": options}


def _runs() -> dict[str, Fields]:
    crowd = _users(24) | {"input_tokens": 400, "output_tokens": 60, "requests": 72}
    shared = {"shared_prefix": {"tokens": 1500, "groups": 6, "skew": 1.0}, "requests": 80}
    down = [{"replica": 1, "at": 0.4, "restart": 1.0}]
    slow_door = {"arrivals": {"process": "constant", "rate": 0.5}, **_VARIED}
    kv = {"host": 3e9, "eviction": "priority", "reload": "always"}
    columns = {name: name for name in ("arrival", "input_tokens", "output_tokens")}
    replayed = {"file": "trace.csv", "columns": columns}
    far = {"host": 5e9, "storage": 1e12, "remote": 1e12, "remote_bandwidth": 5e9}
    return {
        "quickstart": {
            "file": "scenarios/quickstart.yaml", "overrides": {"workload.requests": 80},
        },
        "closed-loop": _scenario(workload=_users(8, think_time=0.5, ramp_up="2 s")),
        "poisson": _scenario(workload=_VARIED, objectives={"ttft": "200 ms", "tpot": "10 ms"}),
        "constant": _scenario("apple-m4-max", deployment={"engine": "mlx", "precision": "mlx4"},
                              workload=slow_door | {"requests": 20}),
        "gamma": _scenario(workload=_arriving("gamma", rate=10, cv=3.0) | _VARIED),
        "weibull": _scenario(workload=_arriving("weibull", rate=10, cv=0.5)),
        "ramp": _scenario(workload=_arriving("ramp", rate=2, to_rate=30, over=5)),
        "on-off": _scenario(workload=_arriving("on-off", rate=20, on=1, off=3, off_rate=1)),
        "diurnal": _scenario(workload=_arriving("diurnal", rate=8, swing=0.9, period=6)),
        "empirical-lengths": _scenario(
            workload={"input_tokens": {"kind": "empirical", "values": [64, 900, 3000],
                                       "weights": [5, 3, 1]}}),
        "conversations": _scenario(workload=_CHAT),
        "conversations-cut": _scenario(
            workload=_CHAT | {"conversations": {"turns": 9, "max_context": 4000}}),
        "shared-prefixes": _scenario(workload=shared),
        "no-prefix-caching": _scenario(workload=shared, deployment={"prefix_caching": False}),
        "overloaded": _scenario(workload=_arriving("poisson", rate=400) | {"requests": 100,
                                "input_tokens": 6000}, warm_up_requests=10),
        "trace": _scenario() | {"workload": replayed | {"time_scale": 0.5}},
        "failures": _scenario(
            deployment=_scheduled({"replicas": 3}, failures=down), workload=crowd),
        "failure-for-good": _scenario(
            deployment=_scheduled({"replicas": 2}, failures=[{"replica": 0, "at": 0.4}]),
            workload=crowd),
        "recompute": _scenario(deployment=_TIGHT, workload=crowd),
        "swap": _scenario(deployment=_scheduled(_TIGHT, preemption="swap"), workload=crowd),
        "asynchronous": _scenario(deployment=_scheduled(asynchronous=True), workload=crowd),
        "static": _scenario(deployment=_scheduled(steps="static"), workload=crowd),
        "prefill-first": _scenario(deployment=_scheduled(steps="prefill-first"), workload=crowd),
        "admission-chunk": _scenario(
            deployment=_scheduled(_TIGHT, whole_prompt_fits=False, watermark=0.05),
            workload=crowd),
        "admission-reserve": _scenario(
            deployment=_scheduled(_TIGHT, output_reserve=1.0), workload=crowd),
        "receive-interval": _scenario(
            deployment=_scheduled({"engine": "sglang"}, receive_interval=10), workload=crowd),
        "gather": _scenario(
            deployment=_scheduled({"engine": "trtllm"}, gather_steps=10, gather_share=0.5),
            workload=crowd),
        "balance": _scenario(
            "h200-sxm", "deepseek-r1", workload=crowd,
            deployment=_scheduled({"engine": "trtllm", "dp": 8, "ep": 8}, balance_steps=10)),
        "shortest-first": _scenario(
            deployment={"policy": "shortest-first", "max_sequences": 4}, workload=crowd | _VARIED),
        "round-robin": _scenario(
            deployment=_scheduled({"replicas": 3}, router="round-robin"), workload=shared),
        "prefix-aware": _scenario(
            deployment=_scheduled({"replicas": 3}, router="prefix-aware"), workload=shared),
        "session-sticky": _scenario(
            deployment=_scheduled({"replicas": 2}, router="session-sticky"), workload=_CHAT),
        "host-tier": _scenario(deployment=_tiers(host="100 GB"), workload=_CHAT),
        "host-tier-priority": _scenario(deployment=_tiers(**kv), workload=_CHAT),
        "far-tiers": _scenario(deployment=_tiers(**far), workload=_CHAT),
        "compressed-tier": _scenario(
            deployment=_tiers(host=1e11, bytes_share=0.5, codec_bandwidth=2e10, by_layer=False,
                              prefetch=False, eviction="fifo"), workload=_CHAT),
        "priced": _scenario(
            economics={"usd_per_device_hour": 2.5, "usd_per_kwh": 0.2, "pue": 1.1}),
        "wafer": _scenario("cs-3", "llama-3.1-70b", deployment={"engine": "cerebras", "tp": 4}),
        "mla-data-parallel": _scenario(
            "h200-sxm", "deepseek-r1", workload=crowd,
            deployment={"engine": "sglang", "dp": 8, "ep": 8, "two_batch_overlap": True}),
    }  # fmt: skip


def _pools() -> dict[str, Fields]:
    llama = {"precision": "fp8", "prefill": {"tp": 4}, "decode": {"tp": 2, "replicas": 2}}
    loop = _users(16) | {"input_tokens": 1000, "requests": 64}
    layout = {"dp": 8, "ep": 8}

    def pooled(
        hardware: str = "h200-sxm",
        model: str = "llama-3.1-70b",
        *,
        workload: Fields = loop,
        **deployment: object,
    ) -> Fields:
        return _scenario(
            hardware, model, deployment=deepcopy(llama) | deployment, workload=workload
        )  # fmt: skip

    down = [{"replica": 1, "at": 0.5, "restart": 3.0}]
    small = {"prefill": {"replicas": 2}, "decode": {"tp": 2}, "precision": "bf16"}
    return {
        "closed-loop": pooled(),
        "poisson": pooled(workload=_arriving("poisson", rate=6) | _VARIED),
        "two-prefill": pooled(prefill={"tp": 4, "replicas": 2}),
        "round-robin": pooled(prefill={"tp": 2, "replicas": 3},
                              scheduling={"router": "round-robin"}),
        "failures": pooled(prefill={"tp": 4, "replicas": 2},
                           scheduling={"steps": "prefill-first", "failures": down}),
        "pipelined-prefill": pooled(prefill={"tp": 2, "pp": 2}),
        "other-machine": pooled(prefill={"hardware": "h100-sxm", "tp": 4}),
        "sglang": pooled(engine="sglang", decode={"tp": 4, "max_sequences": 8}),
        "trtllm": pooled("b200", engine="trtllm", prefill={"tp": 2, "max_batched_tokens": 4096}),
        "conversations": pooled(model="llama-3.1-8b", workload=_CHAT, **small),
        "host-tier": pooled(model="llama-3.1-8b", workload=_CHAT, **small, **_tiers(host=1e11)),
        "mla": pooled(model="deepseek-r1", prefill={"tp": 8, "ep": 8}, decode=layout),
        "mla-overlap": pooled(
            model="deepseek-r1", engine="sglang", prefill=layout | {"two_batch_overlap": True},
            decode={"dp": 16, "ep": 16, "redundant_experts": 16}),
        "rack": pooled("gb200-nvl72", "deepseek-r1", engine="trtllm", precision="nvfp4",
                       prefill={"tp": 4, "ep": 4, "replicas": 2}, decode={"dp": 16, "ep": 16}),
        "refused": pooled(precision="bf16", decode={"tp": 1}),
    }  # fmt: skip


def _explained() -> dict[str, Fields]:
    few = {"workload": _users(4) | {"requests": 12, "input_tokens": 900}}
    host = {"policy": "experts", "experts_on_device": 64}
    return {
        "dense": _scenario(**few),
        "tensor-parallel": _scenario(model="llama-3.1-70b", deployment={"tp": 8}, **few),
        "mla-experts": _scenario(
            "h200-sxm", "deepseek-r1", deployment={"dp": 8, "ep": 8, "engine": "sglang"}, **few),
        "sparse": _scenario("b200", "deepseek-v3.2", deployment={"tp": 8}, **few),
        "recurrent": _scenario("h200-sxm", "qwen3-next-80b-a3b", deployment={"tp": 2}, **few),
        "kimi-linear": _scenario("b300", "kimi-k3", deployment={"tp": 16, "ep": 16}, **few),
        "sliding-window": _scenario("mi355x", "gpt-oss-120b", **few),
        "wafer": _scenario("cs-3", deployment={"engine": "cerebras"}, **few),
        "apple": _scenario(
            "apple-m4-max", "qwen3-8b", deployment={"engine": "mlx", "precision": "mlx4"}, **few),
        "offloaded-experts": _scenario(
            model="qwen3-30b-a3b", deployment={"offload": {"weights": host}}, **few),
        "tables": _scenario(
            model="engram-27b", deployment={"offload": {"tables": {"hot_rows": 0.1}}}, **few),
    }  # fmt: skip
