"""Single-stream speeds of laptops, phones, boards and workstations, as a long CSV table.

Columns: ``device, n_devices, model, weight_format, engine, scenario, prompt_tokens, gen_tokens,
batch, metric, value, notes, source``. Rows whose device, model, format or engine the catalogue
does not know are refused, as are rows that their notes call derived or suspect.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.validation.measured.point import Point
from simulator.validation.measured.row import Row, UnaskedError, number, rows_of, whole

_DEVICES = (
    (r"Apple M1 \(8-core GPU\)|Apple M1 7-Core", "apple-m1"),
    (r"Apple M1 Pro", "apple-m1-pro"),
    (r"Apple M1 Max 32", "apple-m1-max"),
    (r"Apple M1 Ultra", "apple-m1-ultra"),
    (r"Apple M2 Pro", "apple-m2-pro"),
    (r"M2[ -]Ultra CPU", "apple-m2-ultra:cpu"),
    (r"M2 Max CPU", "apple-m2-max:cpu"),
    (r"Apple M2 Ultra", "apple-m2-ultra"),
    (r"Apple M4 \(10", "apple-m4"),
    (r"M4 Mac mini \(10 core", "apple-m4"),
    (r"Apple M4 Pro \((20|64)|Apple M4 Pro GPU", "apple-m4-pro"),
    (r"Apple M4 Max \(64 GB\)", "apple-m4-max"),
    (r"Apple M4 Max \(32", "apple-m4-max-32"),
    (r"Apple M5 \(16", "apple-m5"),
    (r"Apple M5 Pro", "apple-m5-pro"),
    (r"Ryzen AI 7 350", "ryzen-ai-7-350:npu"),
    (r"Ryzen AI 9 HX 370 NPU", "ryzen-ai-9-hx-370:npu"),
    (r"Framework Mainboard \(128GB\)", "ryzen-ai-max-395"),
    (r"Snapdragon X Elite CRD|Snapdragon X Elite NPU", "snapdragon-x-elite:npu"),
    (r"Snapdragon X Elite\) CPU|Snapdragon X Elite CPU", "snapdragon-x-elite:cpu"),
    (r"8 Elite Gen 5 QRD", "snapdragon-8-elite-gen5:npu"),
    (r"Snapdragon 8 Elite QRD", "snapdragon-8-elite:npu"),
    (r"Snapdragon 8 Elite \(Gen4\) CPU", "snapdragon-8-elite:cpu"),
    (r"i7-13800H CPU", "core-i7-13800h"),
    (r"i7-13700H", "core-i7-13700h"),
    (r"i9-13900K", "core-i9-13900k"),
    (r"EPYC 7V13", "epyc-7v13"),
    (r"A100 40GB", "a100-sxm-40gb"),
    (r"A100 PCIe 80GB", "a100-pcie-80gb"),
    (r"A100 SXM 80GB", "a100-sxm-80gb"),
    (r"H100 PCIe", "h100-pcie"),
    (r"NVIDIA A40 ", "a40"),
    (r"L40S", "l40s"),
    (r"RTX A6000", "rtx-a6000"),
    (r"RTX 6000 Ada", "rtx-6000-ada"),
    (r"RTX 3090", "rtx-3090"),
    (r"RTX 4080 16GB", "rtx-4080"),
    (r"RTX 4090", "rtx-4090"),
    (r"RTX 5090", "rtx-5090"),
    (r"RTX 5080", "rtx-5080"),
    (r"PRO 6000 Max-Q", "rtx-pro-6000-max-q"),
    (r"^AMD Radeon AI PRO R9700", "r9700"),
    (r"RTX PRO 6000 (96GB|Blackwell)", "rtx-pro-6000"),
    (r"DGX Spark|Nvidia Spark", "dgx-spark"),
    (r"AGX Orin GPU", "jetson-orin"),
)
_MODELS = (
    (r"Llama-2-7B|Llama-v2-7B|^Llama-7B$", "llama-2-7b"),
    (r"Llama-2-13B", "llama-2-13b"),
    (r"Llama-2-70B", "llama-2-70b"),
    (r"Llama-3(\.1)?-8B|LLaMA 3\.1 8B|Llama-v3(\.1)?-8B|ELYZA-JP-8B|TAIDE-LX-8B|SEA-LION-v3\.5-8B",
     "llama-3.1-8b"),
    (r"Llama-3(\.[13])?-70B", "llama-3.1-70b"),
    (r"Llama-(v)?3\.2-1B|LLaMA 3\.2 1B", "llama-3.2-1b"),
    (r"Llama-(v)?3\.2-3B|LLaMA 3\.2 3B", "llama-3.2-3b"),
    (r"gpt-oss-20b", "gpt-oss-20b"),
    (r"gpt-oss-120b", "gpt-oss-120b"),
    (r"Qwen3-Coder-30B-A3B|Qwen3-30B-A3B", "qwen3-30b-a3b"),
    (r"Qwen ?3[ -]0\.6B", "qwen3-0.6b"),
    (r"Qwen ?3[ -]1\.7B", "qwen3-1.7b"),
    (r"Qwen ?3[ -]4B", "qwen3-4b"),
    (r"Qwen3-8B", "qwen3-8b"),
    (r"Qwen3-32B", "qwen3-32b"),
    (r"Qwen3-VL[- ]2B", "qwen3-vl-2b"),
    (r"Mano-P 1\.0-4B|Mano-CUA-4B", "mano-p-4b"),
    (r"R1-Distill-Qwen-14B", "qwen2.5-14b"),
    (r"Qwen2\.5-3B", "qwen2.5-3b"),
    (r"Qwen2(\.5)?-7B", "qwen2.5-7b"),
    (r"Qwen2\.5-1\.5B", "qwen2.5-1.5b"),
    (r"Mistral-7B", "mistral-7b"),
    (r"TinyLLAMA", "tinyllama-1.1b"),
    (r"LFM2\.5-1\.2B", "lfm2.5-1.2b"),
    (r"LFM2-1\.2B", "lfm2-1.2b"),
    (r"[Gg]emma[- ]3[- ]4[bB]", "gemma-3-4b"),
    (r"[Gg]emma[- ]3[- ]1[bB]", "gemma-3-1b"),
    (r"Gemma-?2[- ]2B", "gemma-2-2b"),
    (r"Gemma3-1B", "gemma-3-1b"),
    (r"Gemma 4 E4B", "gemma-4-e4b"),
    (r"Phi3 3\.8B", "phi-3-mini-4k-instruct"),
    (r"GLM-4\.7-Flash", "glm-4.7-flash"),
    (r"Qwen2 0\.5B", "qwen2.5-0.5b"),
    (r"Qwen3\.5[- ]0\.8B", "qwen3.5-0.8b"),
    (r"Qwen3\.5[- ]2B", "qwen3.5-2b"),
    (r"Qwen3\.5[- ]4B", "qwen3.5-4b"),
    (r"Qwen3\.5-9B", "qwen3.5-9b"),
    (r"Qwen3\.[56]-35B-A3B", "qwen3.5-35b-a3b"),
    (r"BitNet-b1\.58-2B-4T", "bitnet-b1.58-2b-4t"),
    (r"BitNet-3B", "bitnet-b1.58-3b"),
    (r"BitNet-b1\.58 dummy 125M", "bitnet-dummy-125m"),
    (r"BitNet-b1\.58 dummy 1B", "bitnet-dummy-1b"),
    (r"BitNet-b1\.58 dummy 1\.5B", "bitnet-dummy-1.5b"),
    (r"BitNet-b1\.58 dummy 3\.8B", "bitnet-dummy-3.8b"),
    (r"BitNet-b1\.58 dummy 7B", "bitnet-dummy-7b"),
    (r"BitNet-b1\.58 dummy 30B", "bitnet-dummy-30b"),
)  # fmt: skip
_FORMATS = (
    (r"^MXFP4", "mxfp4"),
    (r"^Q4NX", "q4_1"),
    (r"^Q4_0|^4-bit \(Q4\)$", "q4_0"),
    (r"^Q8_0", "q8_0"),
    (r"^Q4_K_M|^Q4 \(Ollama", "q4_k_m"),
    (r"^(F|FP|BF|bf)16$", "bf16"),
    (r"^w4a16|^a16w4", "w4a16"),
    (r"^4bit$", "mlx4"),
    (r"^5bit$", "mlx5"),
    (r"^6bit$", "mlx6"),
    (r"^8bit$", "mlx8"),
    (r"^[Ww]8[Aa]8", "int8"),
    (r"^W8A16", "w8a16"),
    (r"ternary|I2_S", "ternary"),
)
_ENGINES = (
    (r"Ollama|LM Studio|llama\.cpp", "llamacpp"),
    (r"mlx|MLX", "mlx"),
    (r"genie|qnn_context", "genie"),
    (r"FastFlowLM", "fastflowlm"),
    (r"bitnet\.cpp", "bitnetcpp"),
    (r"^vLLM$", "vllm"),
)
_REFUSED = (
    (r"DERIVED|ESTIMATED|suspect", "its notes call it derived or suspect"),
    (r"TurboQuant|T-MAC|ik_llama", "a fork of its engine ran it, of which there is no profile"),
    (r"depth [1-9]", "it is of tokens behind others, and the table does not say of how many"),
    (r"\bthreads=[1-4]\b", "it was run on a few of the cores only"),
)
_METRICS = {
    "decode_tok_s": ("decode", "output_tokens_per_s", 1.0),
    "prefill_tok_s": ("prefill", "step_time_s", 1.0),
    "ttft_ms": ("prefill", "ttft_s", 1e-3),
}
_RANDOM_TOKENS = "llama-batched-bench"
RANDOM_TOKEN_SKEW = 1.2
"""Zipf exponent of the experts that random tokens ask for: what ``llama-batched-bench`` feeds.

Sixteen sequences of it are served faster than evenly routed experts could be read."""
SHORT_CONTEXT = 128
"""Tokens held where a table does not say how many: a short prompt and half an answer."""


def is_edge_table(columns: list[str]) -> bool:
    """Whether a CSV header is that of this table."""
    return {"device", "weight_format", "scenario", "prompt_tokens", "metric"} <= set(columns)


def edge_rows(path: Path) -> Iterator[Row]:
    """Every row, of which the catalogue can answer some."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from rows_of(csv.DictReader(file), lambda row: (edge_point(row),))


def edge_point(row: Mapping[str, str]) -> Point:
    """One row as a point.

    Raises:
        UnaskedError: the catalogue cannot answer it.
    """
    told = f"{row['notes']} {row['engine']}"
    for pattern, reason in _REFUSED:
        if re.search(pattern, told, re.IGNORECASE):
            raise UnaskedError(reason)
    if row["metric"] not in _METRICS:
        raise UnaskedError(f"nothing predicts {row['metric']} of a row like this")
    if (whole(row["n_devices"], "number of devices") or 1) > 1:
        raise UnaskedError("several devices shared it, and the table does not say how")
    hardware = _first(_DEVICES, row["device"], "device")
    model = _first(_MODELS, row["model"], "model")
    precision = _first(_FORMATS, row["weight_format"], "format")
    engine = _first(_ENGINES, row["engine"], "engine")
    phase, quantity, scale = _METRICS[row["metric"]]
    prompt = whole(row["prompt_tokens"], "length of the prompt")
    generated = whole(row["gen_tokens"], "length of the answer")
    batch = whole(row["batch"], "batch") or 1
    asked: dict[str, Any] = {"batch": batch, "precision": precision, "engine": engine}
    if _RANDOM_TOKENS in row["notes"] and batch > 1:
        asked["expert_skew"] = RANDOM_TOKEN_SKEW
    if phase == "decode":
        held = max(1, round(prompt + generated / 2))
        asked["context"] = held if prompt + generated else SHORT_CONTEXT
    else:
        if prompt < 1:
            raise UnaskedError("it does not say how long the prompt was")
        asked["context"] = prompt
    value = number(row["value"], "value") * scale
    if row["metric"] == "prefill_tok_s" and value > 0:
        value = batch * prompt / value
    return Point(hardware, model, phase, quantity, value, asked, row["source"])


def _first(table: tuple[tuple[str, str], ...], text: str, what: str) -> str:
    found = next((name for pattern, name in table if re.search(pattern, text)), None)
    if found is None:
        raise UnaskedError(f"no {what} of the catalogue is the row's: {text or 'it names none'}")
    return found
