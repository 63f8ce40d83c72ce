"""Sparse, compressed and recurrent layers: every model has a price, and prices behave."""

import numpy as np
import pytest

from simulator.graph.build import build
from simulator.graph.step_shape import StepShape
from simulator.roofline.device import resolve
from simulator.roofline.step import StepModel
from simulator.roofline.step_table import StepTable
from simulator.specs import catalogue

MODELS = list(catalogue.names(catalogue.data_folder("models")))
SPARSE_OR_RECURRENT = [
    "deepseek-v3.2", "deepseek-v4-flash", "deepseek-v4-pro", "glm-5", "glm-5.2", "minimax-m3",
    "qwen3-next-80b-a3b", "qwen3.5-397b-a17b", "kimi-k3", "mamba2-2.7b",
]  # fmt: skip


def step_model(name, hardware="h200-sxm"):
    device = resolve(catalogue.hardware(hardware))
    return StepModel(build(catalogue.model(name)), device, catalogue.engine_profile("generic"))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_a_price_in_decode_and_prefill(name):
    model = step_model(name)
    for shape in (
        StepShape.decode(np.array([1.0, 64.0]), np.array([[0.0], [500.0], [200_000.0]])),
        StepShape.prefill(np.array([1.0, 3.0]), np.array([[1.0], [4000.0]]), 700.0),
    ):
        step = model.evaluate(shape)
        assert np.all(np.isfinite(step.time_s))
        assert np.all(step.time_s > 0)
        assert np.all(step.device_time_s >= 0)
        assert np.all(np.isfinite(step.energy_j))


@pytest.mark.parametrize("name", SPARSE_OR_RECURRENT)
def test_a_mixed_step_by_table_is_near_the_step_itself(name):
    model = step_model(name)
    table = StepTable(model, max_tokens=4096, max_context=32_768)
    found, _ = table.mixed(16, 3000.0, 1, 1000, 2000.0, 1)
    shape = StepShape.of(
        decode_sequences=16,
        decode_context=3000,
        prefill_sequences=1,
        prefill_tokens=1000,
        prefill_past=2000,
    )
    assert found == pytest.approx(float(model.evaluate(shape).time_s), rel=0.03)
