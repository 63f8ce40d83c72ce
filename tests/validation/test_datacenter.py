"""Rows of data-centre figures as questions."""

from simulator.roofline.device.device import resolve
from simulator.roofline.laws.attention.constants import PREFILL
from simulator.specs import catalogue
from simulator.validation.measured.datacenter import datacenter_point

NVIDIA_2024 = {
    "device_norm": "NVIDIA H200 SXM",
    "device": "NVIDIA H200 141GB",
    "n_devices": "1.0",
    "model": "Mistral 7B",
    "weight_precision": "fp8",
    "engine": "TensorRT-LLM v0.9.0",
    "parallelism": "tp1",
    "scenario": "offline",
    "isl": "128",
    "osl": "2048",
    "concurrency_or_batch": "120",
    "request_rate": "",
    "metric": "output_tok_s_per_gpu",
    "value": "8950.0",
    "notes": "STATIC batching benchmark",
    "spec_decode": "",
    "quality": "published",
    "part": "trt_old",
    "source": "TensorRT-LLM performance docs v0.9.0",
}


def test_nvidia_benchmarked_8_bit_weights_with_an_8_bit_cache():
    asked = datacenter_point(NVIDIA_2024).asked
    assert (asked["engine"], asked["kv_precision"]) == ("trtllm-0.10", "fp8")
    wide = datacenter_point({**NVIDIA_2024, "weight_precision": "fp16"})
    assert "kv_precision" not in wide.asked


def test_its_own_benchmark_handles_a_sequence_faster_than_those_of_others():
    own, others = (catalogue.engine_profile(n) for n in ("trtllm-0.10", "trtllm-2024"))
    assert float(own.step_overhead) < float(others.step_overhead)
    assert float(own.sequence_overhead) < float(others.sequence_overhead)
    assert own.scheduling == others.scheduling


def test_blackwell_ultra_takes_half_the_time_of_an_exponential():
    ultra, plain = (resolve(catalogue.hardware(name)).book for name in ("b300", "b200"))
    for variant in ("", "fp8"):
        half = ultra.law(PREFILL, variant).constants.softmax_head_dims
        whole = plain.law(PREFILL, variant).constants.softmax_head_dims
        assert abs(half / whole - 0.5) < 0.01
