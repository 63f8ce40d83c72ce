"""A published run on unified memory: a 4 B vision model on an M4 Pro (Mano-P README, 2026-03)."""

import pytest

from simulator.graph.build import build, build_vision
from simulator.graph.vision import image_step
from simulator.roofline.device.device import resolve
from simulator.roofline.step.step import StepModel
from simulator.simulate.predict import predict
from simulator.specs import catalogue

DEVICE = "apple-m4-pro"
MODEL = "mano-p-4b"
TEXT_TOKENS = 16


@pytest.mark.parametrize(
    ("context", "prefill_tokens_per_s", "decode_tokens_per_s", "gigabytes", "within"),
    [(4112, 476.952, 76.75, 4.356, 0.25), (8208, 331.0, 70.946, 5.147, 0.40)],
)
def test_vision_model_with_half_of_its_visual_tokens_pruned(
    context: int,
    prefill_tokens_per_s: float,
    decode_tokens_per_s: float,
    gigabytes: float,
    within: float,
) -> None:
    model = catalogue.model(MODEL)
    assert model.vision is not None
    visual = context - TEXT_TOKENS
    kept = context - visual // 2
    settings = {"precision": "w4a16", "engine": "mlx"}
    prefill = predict(DEVICE, MODEL, phase="prefill", context=kept, **settings).ttft_s
    decode = predict(DEVICE, MODEL, context=kept, **settings).output_tokens_per_s
    encoder = build_vision(model)
    device = resolve(catalogue.hardware(DEVICE))
    steps = StepModel(encoder, device, catalogue.engine_profile("mlx"))
    seen = steps.evaluate(image_step(model.vision, 1, visual * model.vision.merge**2)).time_s
    assert prefill is not None
    # The published rate counts the tokens before pruning.
    assert context / (prefill + float(seen)) == pytest.approx(prefill_tokens_per_s, rel=within)
    assert decode == pytest.approx(decode_tokens_per_s, rel=0.25)
    decoder = build(model, None, "w4a16")
    cache = context * decoder.kv_bytes_per_token
    used = decoder.weight_bytes + cache
    assert used / 1e9 == pytest.approx(gigabytes, rel=0.10)
