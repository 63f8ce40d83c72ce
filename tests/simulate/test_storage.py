"""What an engine makes of a precision on a device."""

from simulator.simulate.predict import predict


def _decode(hardware: str, engine: str, **fields: object):
    asked = {"phase": "decode", "engine": engine, "tp": 2, "batch": 64, "context": 1500}
    return predict(hardware, "gpt-oss-120b", **asked, **fields)


def test_tensorrt_llm_narrows_activations_of_mxfp4_experts_where_4_bits_are_computed() -> None:
    blackwell = _decode("b200", "trtllm")
    assert blackwell.precision == "w4a8_mxfp4"
    assert any("computes mxfp4 as w4a8_mxfp4" in note for note in blackwell.notes)
    assert blackwell.step_time_s == _decode("b200", "trtllm", precision="w4a8_mxfp4").step_time_s
    assert _decode("h200-sxm", "trtllm").precision == "mxfp4"


def test_other_engines_keep_what_is_asked_for() -> None:
    assert _decode("b200", "vllm", precision="mxfp4").precision == "mxfp4"
