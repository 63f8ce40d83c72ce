"""How InferenceX sets its servers, by engine, device, model and load.

Facts from the launch scripts in ``benchmarks/`` and the configurations and their change log in
github:SemiAnalysisAI/InferenceX (Apache-2.0): limits, cache format, how long newcomers are left
waiting, and which runs draft. The tables of its results do not say these.
"""

from dataclasses import dataclass
from typing import Any

Settings = dict[str, Any]

_LARGEST_NODE = 8


@dataclass(frozen=True, slots=True)
class Run:
    """What the table says of a run.

    ``precision`` of weights, ``users`` in flight, ``version`` of the engine, the day ``measured``;
    ``is_faster`` than another run of the same load on the same day.
    """

    engine: str
    hardware: str
    model: str
    precision: str
    tp: int
    isl: int
    osl: int
    users: int
    version: str = ""
    measured: str = ""
    is_faster: bool = False

    @property
    def is_short(self) -> bool:
        """Whether prompts and answers are of the shortest lengths."""
        return self.isl == self.osl == 1024


def settings_of(run: Run) -> Settings:
    """What a run of InferenceX was set to beside what its table says; empty where not known."""
    recipe = _RECIPES.get(run.engine)
    return {} if recipe is None else recipe(run)


def is_drafted(run: Run) -> bool:
    """Whether answers were drafted (MTP), which the table does not say.

    DeepSeek in 4 bits on TensorRT-LLM 1.2.0rc6.post3 (``dsr1-fp4-b200-trt-mtp``; without drafting
    it is post2). Before that what was measured on 2026-01-14, as these configurations came: four
    points, of which one stands in no other configuration, and three take less time a token than
    as many devices did for fewer users. On B200 in 8 bits on SGLang 0.5.9 what
    ``dsr1-fp8-b200-sglang`` stops short of: more than 64 users of eight devices, or more than four
    with long prompts; and of loads that were run twice that day the faster run, as without drafting
    there is one of each.
    """
    if not run.model.startswith("deepseek"):
        return False
    if run.engine == "trtllm":
        came = run.version == "1.1.0rc2.post2" and run.measured == "2026-01-14"
        return came or run.version == "1.2.0rc6.post3"
    if (run.engine, run.version, run.hardware, run.precision) != ("sglang", "0.5.9", "b200", "fp8"):
        return False
    is_further = run.users > (64 if run.isl < 8192 else 4)
    return run.tp == _LARGEST_NODE and (is_further or run.is_faster)


def drafting_of(run: Run, ranks: int) -> Settings:
    """How a drafted run on ``ranks`` of data-parallel attention drafts.

    ``dsr1_*_mtp.sh``: one token ahead where attention has ranks of its own and else three, on
    TensorRT-LLM; two on SGLang, of at most 256 sequences. The layer that drafts is that of the
    checkpoint, which keeps it in 16 bits where the others have 4 (``hf_quant_config.json``).
    """
    depth = 2 if run.engine == "sglang" else 1 if ranks > 1 else 3
    found: Settings = {
        "speculation": f"mtp:{depth}:repeat" if depth > 1 else "mtp:1",
        "acceptance": _ACCEPTED[run.precision, run.isl, run.osl],
    }
    if run.precision == "fp4":
        found["deployment.speculation.precision"] = "bf16"
    if run.engine == "sglang":
        return found | {"max_sequences": 256, "captured_tokens": 256}
    budget = _trtllm(run)["max_batched_tokens"] + depth * -(-run.users // ranks)
    return found | {"max_batched_tokens": budget}


_ACCEPTED = {
    ("fp4", 1024, 1024): 0.59,
    ("fp4", 1024, 8192): 0.71,
    ("fp4", 8192, 1024): 0.67,
    ("fp8", 1024, 1024): 0.33,
    ("fp8", 1024, 8192): 0.48,
    ("fp8", 8192, 1024): 0.34,
}
"""The share of right tokens, by checkpoint and lengths of random prompts and answers.

Nobody publishes it. Fitted, one number each, to the time a token of the half of these points that
the split leaves for fitting; whoever scores looks at the other half.
"""


def _sglang(run: Run) -> Settings:
    """``dsr1_*.sh`` and ``qwen3.5_*.sh``.

    Their limits of 128 running requests came later: points of 256 users do not queue.
    """
    if run.hardware != "b200":
        tokens = 16384 if run.model == "qwen3.5-397b-a17b" else 32768
        return {"max_batched_tokens": tokens, "memory_fraction": 0.82}
    scheduling = {"receive_interval": 10 if run.users < 16 else 30}
    found: Settings = {"max_batched_tokens": 32768, "memory_fraction": 0.82}
    if run.precision == "fp4":
        found = {"max_batched_tokens": 16384, "memory_fraction": 0.85}
        # ``dsr1-fp4-b200-sglang`` as of November 2025; the table does not say so.
        if not run.version and run.model.startswith("deepseek"):
            found["ep"] = run.tp
    elif run.model == "deepseek-r1" and run.tp < _LARGEST_NODE:
        found = {"max_batched_tokens": 8192, "memory_fraction": 0.95}
        scheduling = {"receive_interval": 10}
    return found | {"scheduling": scheduling}


def _trtllm(run: Run) -> Settings:
    """``70b_*_trt*.sh``, ``dsr1_*_trt*.sh`` and ``gptoss_*_trt*.sh``."""
    is_fp8_on_blackwell = (run.hardware, run.precision) == ("b200", "fp8")
    if run.model == "gpt-oss-120b":
        found: Settings = {"max_batched_tokens": 20000, "memory_fraction": 0.85}
        return found if run.hardware == "b200" else found | {"kv_precision": None}
    if run.model == "llama-3.1-70b":
        tokens = 16384 if is_fp8_on_blackwell else run.isl + run.osl + 200
        found = {"max_batched_tokens": tokens}
        if run.is_short and run.tp < _LARGEST_NODE:
            found["scheduling"] = {"gather_steps": 20, "gather_share": 0.9}
        return found
    tokens = (run.users + run.isl + 127) // 64 * 64
    found = {"memory_fraction": 0.8 if run.hardware == "b200" else 0.75}
    # Every checkpoint of DeepSeek in 8 bits has a scale a block.
    if run.precision == "fp8":
        found["precision"] = "fp8_block"
    if run.version in _FIRST_TRTLLM:
        return found | {"max_batched_tokens": tokens} | _first_layout(run)
    found["max_batched_tokens"] = max(8192, tokens)
    if is_fp8_on_blackwell and run.is_short and 64 <= run.users < 256:
        found["scheduling"] = {"gather_steps": 40, "gather_share": 0.8}
    return found


_FIRST_TRTLLM = ("", "1.1.0rc2.post2")


def _first_layout(run: Run) -> Settings:
    """``dsr1-*-trt`` in ``nvidia-master.yaml`` as of November 2025.

    Experts and sequences were spread over the devices for many users; the table of results does
    not say so.
    """
    is_long = run.isl == 8192
    if run.precision == "fp8":
        spreads_experts = True
        spreads_sequences = run.users >= 64 and (is_long == (run.hardware != "b200"))
        spreads_sequences &= run.osl == 1024
    else:
        whole_up_to = 32
        if run.tp == _LARGEST_NODE and not is_long:
            whole_up_to = 8 if run.is_short else 16
        spreads_experts = run.users > whole_up_to or (is_long and run.tp < _LARGEST_NODE)
        spreads_sequences = run.users >= (64 if is_long else 256)
    if spreads_sequences:
        spread = {"tp": 1, "dp": run.tp, "ep": run.tp}
        return spread | {"scheduling": {"balance_steps": 60}}
    return {"ep": run.tp} if spreads_experts else {}


def _vllm(run: Run) -> Settings:
    """``70b_*.sh`` and ``gptoss_*.sh``.

    The scripts of Llama store the cache in fp8 throughout. Those measured on H100 cannot have:
    their requests queue for as long as a cache of 16 bits makes them.
    """
    sequences = 512 if run.hardware == "b200" else run.users
    found: Settings = {"max_batched_tokens": 8192, "max_sequences": sequences}
    if run.model == "gpt-oss-120b":
        found["captured_tokens"] = 2048
        if run.hardware == "b200":
            # VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8.
            found["precision"] = "w4a8_mxfp4"
    elif run.hardware == "h200-sxm":
        found["kv_precision"] = "fp8"
    return found | vllm_of(run.version)


def vllm_of(version: str) -> Settings:
    """The profile of a release of vLLM; what names none is of October 2025."""
    is_late_2025 = version in _UNNAMED or version.startswith(_LATE_2025)
    return {"engine": "vllm-0.11"} if is_late_2025 else {}


_UNNAMED = ("",)
_LATE_2025 = ("0.10.", "0.11.", "0.12.", "0.13.")


_RECIPES = {"sglang": _sglang, "trtllm": _trtllm, "vllm": _vllm}
