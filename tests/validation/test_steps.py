"""Whole models tell a device's rates."""

import numpy as np
import pytest
from nonempty import nonempty

from simulator.roofline.device.device import resolve
from simulator.specs import catalogue
from simulator.validation.calibrate.section import section_of_rates
from simulator.validation.calibrate.steps import (
    Batch,
    batches,
    fit_steps,
    free_rates,
    rates_of,
    with_rates,
)
from simulator.validation.measured.point import Point

HARDWARE = "apple-m4-pro"


def asked() -> list[Point]:
    decode = [
        Point(HARDWARE, model, "decode", "step_time_s", 1.0,
              {"engine": "llamacpp", "precision": precision, "batch": 1, "context": context})
        for model in ("llama-3.1-8b", "llama-3.2-1b")
        for precision in ("q4_0", "q8_0")
        for context in (128, 4096)
    ]  # fmt: skip
    prefill = [
        Point(HARDWARE, "llama-3.1-8b", "prefill", "step_time_s", 100.0,
              {"engine": "llamacpp", "precision": "q8_0", "batch": 1, "context": context})
        for context in (512, 2048)
    ]  # fmt: skip
    return decode + prefill


def measured_with(rates: dict[str, float]) -> list[Batch]:
    """The points as a device of known rates would have been measured."""
    found, refused = batches(asked())
    assert not refused
    device = with_rates(found[0].setup.device, rates)
    told = []
    for batch in found:
        values, _ = batch.values(device)
        points = tuple(
            Point(p.hardware, p.model, p.phase, p.quantity, float(v), p.question)
            for p, v in zip(batch.points, values, strict=True)
        )
        told.append(Batch(batch.setup, batch.phase, points))
    return told


def test_known_rates_are_found_again() -> None:
    truth = {"bandwidth": 0.7, "compute": 0.5, "start_s": 8e-6}
    found = measured_with(truth)
    fit = fit_steps(found)
    assert free_rates(found) == ("bandwidth", "compute", "start_s")
    for name, value in truth.items():
        # The prior pulls a little towards the device's present values.
        assert fit.values[name] == pytest.approx(value, rel=0.12)


def test_faster_than_the_data_sheet_is_refused() -> None:
    impossible = Point(
        HARDWARE, "llama-3.1-8b", "decode", "output_tokens_per_s", 1000.0,
        {"engine": "llamacpp", "precision": "bf16", "batch": 1, "context": 128},
    )  # fmt: skip
    found, refused = batches([impossible])
    assert not found
    assert "data sheet" in refused[0][1]


def test_unknown_model_is_refused_with_a_reason() -> None:
    unknown = Point(HARDWARE, "no-such-model", "decode", "step_time_s", 1.0,
                    {"batch": 1, "context": 128})  # fmt: skip
    _, refused = batches([unknown])
    assert "no-such-model" in refused[0][1]


def test_more_bandwidth_is_never_slower() -> None:
    found, _ = batches(asked())
    device = found[0].setup.device
    slow = with_rates(device, {**rates_of(device), "bandwidth": 0.4, "cache": 0.4})
    fast = with_rates(device, {**rates_of(device), "bandwidth": 0.8, "cache": 0.8})
    for batch in nonempty(found):
        assert np.all(batch.values(fast)[0] <= batch.values(slow)[0] * (1 + 1e-12))


def test_section_gives_the_fitted_device_back() -> None:
    found = measured_with({"bandwidth": 0.7, "compute": 0.5, "start_s": 8e-6})
    hardware = catalogue.hardware(HARDWARE)
    device = found[0].setup.device
    fit = fit_steps(found)
    section = section_of_rates(
        device, fit, measured_with="a test", as_of="2026-01", score_log_errors={}
    )
    part = hardware.engines["gpu"].model_copy(update={"calibration": section})
    read = resolve(hardware.model_copy(update={"engines": {"gpu": part}, "default_engine": None}))
    assert rates_of(read)["bandwidth"] == pytest.approx(fit.values["bandwidth"])
    assert rates_of(read)["start_s"] == pytest.approx(fit.values["start_s"])
