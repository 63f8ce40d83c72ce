"""Small files of every format of results, with the fields that the tools write."""

import json

VLLM = {
    "date": "20261127-100000", "backend": "vllm", "model_id": "Qwen/Qwen3-8B", "num_prompts": 100,
    "request_rate": "inf", "max_concurrency": 32, "duration": 38.0, "completed": 100,
    "total_input_tokens": 102400, "total_output_tokens": 51200, "request_throughput": 2.63,
    "output_throughput": 1347.4, "total_token_throughput": 4042.1, "mean_ttft_ms": 600.0,
    "median_ttft_ms": 580.0, "p99_ttft_ms": 900.0, "mean_tpot_ms": 9.5, "median_tpot_ms": 9.4,
    "p99_tpot_ms": 11.0, "mean_e2el_ms": 5455.0,
}  # fmt: skip
DETAILED = VLLM | {
    "input_lens": [10, 20, 30], "output_lens": [1, 2, 0], "start_times": [100.5, 100.0, 101.0],
    "errors": ["", "", "timeout"], "ttfts": [0.1, 0.1, 0.0], "itls": [[], [0.01], []],
}  # fmt: skip
SGLANG = {
    "tag": None, "backend": "sglang", "dataset_name": "random", "request_rate": 4.0,
    "max_concurrency": None, "duration": 10.0, "completed": 40, "total_input_tokens": 40960,
    "total_output_tokens": 5120, "request_throughput": 4.0, "output_throughput": 512.0,
    "total_throughput": 4608.0, "mean_e2e_latency_ms": 1500.0, "mean_ttft_ms": 80.0,
    "mean_tpot_ms": 11.0, "p99_ttft_ms": 200.0, "concurrency": 6.0, "accept_length": None,
    "server_info": {"model_path": "Qwen/Qwen3-8B", "tp_size": 4, "dp_size": 2,
                    "enable_dp_attention": True, "ep_size": 1},
}  # fmt: skip


def metric(average, unit, **more):
    return {"unit": unit, "avg": average, **more}


AIPERF = {
    "schema_version": "1.4", "aiperf_version": "0.13.0",
    "request_throughput": metric(2.5, "requests/sec"),
    "request_latency": metric(1800.0, "ms", p50=1700.0, p99=2500.0),
    "request_count": metric(50, "requests"),
    "time_to_first_token": metric(120.0, "ms", p50=110.0, p99=300.0),
    "inter_token_latency": metric(13.0, "ms", p50=12.5, p99=15.0),
    "output_token_throughput": metric(320.0, "tokens/sec"),
    "output_sequence_length": metric(128.2, "tokens"),
    "input_sequence_length": metric(549.7, "tokens"),
    "input_config": {
        "models": {"items": [{"name": "Qwen/Qwen3-8B"}]},
        "phases": [{"type": "concurrency", "concurrency": 1}, {"concurrency": 8}],
    },
    "is_complete": True,
}  # fmt: skip
GENAI_PERF = {
    key: value for key, value in AIPERF.items() if key not in ("schema_version", "aiperf_version")
} | {
    "input_config": {
        "model_names": ["Qwen/Qwen3-8B"], "perf_analyzer": {"stimulus": {"concurrency": 8}},
    }
}  # fmt: skip


def aiperf_record(start_s, isl, osl, **more):
    return {
        "metadata": {
            "session_num": 0, "conversation_id": "c", "turn_index": 0,
            "request_start_ns": int(start_s * 1e9), "request_end_ns": int((start_s + 2) * 1e9),
            "benchmark_phase": "profiling", "was_cancelled": False,
        },
        "metrics": {
            "input_sequence_length": {"value": isl, "unit": "tokens"},
            "output_sequence_length": {"value": osl, "unit": "tokens"},
            "time_to_first_token": {"value": 100.0, "unit": "ms"},
            "inter_token_latency": {"value": 10.0, "unit": "ms"},
            "request_latency": {"value": 2000.0, "unit": "ms"},
        },
        "error": None,
    } | more  # fmt: skip


WARM_UP = aiperf_record(0.0, 5, 5)
WARM_UP["metadata"] = WARM_UP["metadata"] | {"benchmark_phase": "warmup"}
AIPERF_RECORDS = [
    WARM_UP,
    aiperf_record(11.0, 110, 20),
    aiperf_record(10.0, 100, 10),
    aiperf_record(12.0, 1, 1, error={"message": "timeout"}),
]


def distribution(mean):
    part = {"mean": mean, "median": mean * 0.9, "percentiles": {"p99": mean * 2}}
    return {"successful": part, "incomplete": None, "errored": None, "total": part}


def guidellm_benchmark(strategy):
    return {
        "type_": "generative_benchmark",
        "config": {"strategy": strategy},
        "metrics": {
            "requests_per_second": distribution(2.0), "request_concurrency": distribution(7.6),
            "request_latency": distribution(1.5), "prompt_token_count": distribution(256.0),
            "output_token_count": distribution(128.0), "time_to_first_token_ms": distribution(90.0),
            "time_per_output_token_ms": distribution(11.6),
            "inter_token_latency_ms": distribution(11.0),
            "output_tokens_per_second": distribution(256.0),
            "tokens_per_second": distribution(768.0),
        },
        "requests": {
            "successful": [
                {"request_start_time": 101.0, "prompt_tokens": 250, "output_tokens": 120},
                {"info": {"timings": {"request_start": 100.0}}, "prompt_tokens": 260,
                 "output_tokens": 130},
            ],
            "errored": [], "incomplete": [],
        },
    }  # fmt: skip


GUIDELLM = {
    "metadata": {"version": 2, "guidellm_version": "0.8.1"},
    "config": {"backend": {"model": "Qwen/Qwen3-8B"}},
    "benchmarks": [guidellm_benchmark({"type_": "concurrent", "streams": 8})],
    "conclusions": [],
}
INFERENCEX = {
    "hw": "h200", "conc": 64, "image": "x", "model": "deepseek-ai/DeepSeek-R1-0528",
    "framework": "sglang", "precision": "fp8", "spec_decoding": "none", "disagg": False,
    "isl": 1024, "osl": 1024, "is_multinode": False, "tp": 8, "pp": 1, "ep": 1,
    "dp_attention": "false", "tput_per_gpu": 1875.0, "output_tput_per_gpu": 900.0,
    "ttft_p50": 0.15, "ttft_p99": 0.25, "tpot_p50": 0.025, "tpot_p99": 0.045, "mean_ttft": 0.2,
    "mean_tpot": 0.026,
}  # fmt: skip
LLAMA_ROWS = [
    {"build_commit": "abc", "gpu_info": "Apple M2 Max", "backends": "Metal",
     "model_filename": "models/Qwen3-8B-Q4_K_M.gguf", "model_type": "qwen3 8B Q4_K - Medium",
     "n_gpu_layers": 99, "n_prompt": 512, "n_gen": 0, "n_depth": 0, "avg_ts": 600.0},
    {"build_commit": "abc", "gpu_info": "Apple M2 Max", "backends": "Metal",
     "model_filename": "models/Qwen3-8B-Q4_K_M.gguf", "model_type": "qwen3 8B Q4_K - Medium",
     "n_gpu_layers": 99, "n_prompt": 0, "n_gen": 128, "n_depth": 4096, "avg_ts": 45.0},
]  # fmt: skip
LLAMA_TABLE = """Some words before it.

| model                  |     size | params | backend | ngl |          test |            t/s |
| ---------------------- | -------: | -----: | ------- | --: | ------------: | -------------: |
| qwen3 8B Q4_K - Medium | 4.68 GiB | 8.19 B | Metal   |  99 |         pp512 | 600.00 ± 20.55 |
| qwen3 8B Q4_K - Medium | 4.68 GiB | 8.19 B | Metal   |  99 | tg128 @ d4096 |   45.00 ± 0.81 |
| qwen3 8B Q4_K - Medium | 4.68 GiB | 8.19 B | Metal   |  99 |   pp512+tg128 |  170.00 ± 0.81 |

build: 8a4bd57 (1)
"""


def llama_csv():
    names = list(LLAMA_ROWS[0])
    lines = [",".join(f'"{row[name]}"' for name in names) for row in LLAMA_ROWS]
    return "\n".join([",".join(names), *lines]) + "\n"


def span(start_s, attributes, kinds=True):
    listed = [
        {"key": key, "value": {"intValue": str(v)} if isinstance(v, int) else
         {"doubleValue": v} if isinstance(v, float) else {"stringValue": v}}
        for key, v in attributes.items()
    ]  # fmt: skip
    return {
        "name": "llm_request", "startTimeUnixNano": str(int(start_s * 1e9)),
        "endTimeUnixNano": str(int((start_s + 2) * 1e9)), "attributes": listed,
    }  # fmt: skip


SPANS = {
    "resourceSpans": [
        {
            "scopeSpans": [
                {
                    "spans": [
                        span(101.0, {
                            "gen_ai.usage.prompt_tokens": 200, "gen_ai.usage.completion_tokens": 20,
                            "gen_ai.latency.time_to_first_token": 0.1,
                            "gen_ai.latency.e2e": 1.05, "gen_ai.response.model": "Qwen/Qwen3-8B",
                        }),
                        span(100.0, {
                            "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10,
                            "gen_ai.conversation.id": "a",
                        }),
                        span(99.0, {"http.method": "GET"}),
                    ]
                }
            ]
        }
    ]
}  # fmt: skip
SHAREGPT = [
    {"id": "a", "conversations": [{"from": "human", "value": "x" * 400},
                                  {"from": "gpt", "value": "y" * 200}]},
    {"id": "b", "conversations": [{"from": "human", "value": "alone"}]},
    {"id": "c", "conversations": [{"from": "human", "value": "z" * 40},
                                  {"from": "gpt", "value": "w" * 80}, {"from": "human",
                                                                      "value": "more"}]},
]  # fmt: skip


def scrape(requests=100, *, prompt_mean=300.0, answer_mean=60.0, running=8):
    """vLLM's metrics after some requests, half of them in each of two buckets."""
    half = requests / 2
    label = 'model_name="Qwen/Qwen3-8B",engine="0"'

    def histogram(name, bounds, mean):
        lines = [f"# TYPE {name} histogram"]
        for bound, count in bounds:
            lines.append(f'{name}_bucket{{{label},le="{bound}"}} {count}')
        lines.append(f"{name}_count{{{label}}} {requests}")
        lines.append(f"{name}_sum{{{label}}} {mean * requests}")
        return lines

    lines = [
        "# HELP vllm:num_requests_running running",
        f"vllm:num_requests_running{{{label}}} {running}",
        f"vllm:num_requests_waiting{{{label}}} 0.0",
        f'vllm:request_success_total{{{label},finished_reason="stop"}} {requests}',
        *histogram("vllm:request_prompt_tokens",
                   [("200.0", half), ("500.0", requests), ("+Inf", requests)], prompt_mean),
        *histogram("vllm:request_generation_tokens",
                   [("20.0", 0), ("50.0", half), ("100.0", requests), ("+Inf", requests)],
                   answer_mean),
        *histogram("vllm:time_to_first_token_seconds",
                   [("0.1", half), ("+Inf", requests)], 0.12),
        *histogram("vllm:request_time_per_output_token_seconds",
                   [("0.01", half), ("+Inf", requests)], 0.011),
        *histogram("vllm:e2e_request_latency_seconds",
                   [("1.0", half), ("+Inf", requests)], 0.8),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def lines_of(objects):
    return "\n".join(json.dumps(each) for each in objects) + "\n"
