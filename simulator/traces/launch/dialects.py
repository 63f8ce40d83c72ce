"""The engines whose arguments hang together in ways of their own, by name."""

from collections.abc import Mapping

from simulator.traces.launch import sglang, trtllm, vllm
from simulator.traces.launch.settled import Dialect

DIALECTS: Mapping[str, Dialect] = {
    "vllm": vllm.DIALECT,
    "sglang": sglang.DIALECT,
    "trtllm": trtllm.DIALECT,
}
