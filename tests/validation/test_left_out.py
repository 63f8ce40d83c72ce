"""Errors of what nobody measured, told by what was left out."""

import numpy as np
import pytest

from simulator.specs.quantity import Z_80
from simulator.validation.left_out import Served, cover, covering, kernel_covers, served_spreads
from simulator.validation.score import Sample
from simulator.validation.standing import CALIBRATED, CARRIED, CLASS, by_standing, standing_of


def drawn(sigma: float, rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, sigma, rows)


def sample(hardware: str, error: float, sigma: float, model: str = "llama-3.1-8b") -> Sample:
    return Sample(hardware, model, "serve", "tpot_s", 1.0, float(np.exp(error)), sigma)


def test_every_device_weighs_the_same_however_many_rows_it_has():
    few, many = drawn(0.4, 500, 1), drawn(0.1, 50_000, 2)
    both = covering({"few": few, "many": many})
    shares = [np.mean(np.abs(rows) <= Z_80 * both) for rows in (few, many)]
    assert np.mean(shares) == pytest.approx(0.8, abs=0.01)
    assert covering({"many": many}) == pytest.approx(0.1, rel=0.02)


def test_few_devices_say_little_of_one_more():
    devices = {str(i): drawn(0.2, 4000, i) for i in range(3)}
    shipped = {name: np.full(4000, 0.2) for name in devices}
    found = cover(devices, shipped)
    assert found.of_all == pytest.approx(0.2, rel=0.03)
    assert found.of_one_more > 1.2 * found.of_all
    assert found.as_shipped == pytest.approx(0.8, abs=0.02)
    assert found.on_others > 0.8
    many = {str(i): drawn(0.2, 100, i) for i in range(40)}
    widened = cover(many, {name: np.full(100, 0.2) for name in many})
    assert widened.of_one_more == pytest.approx(widened.of_all, rel=0.03)


def test_what_an_engine_lacks_is_told_by_one_half_of_the_other():
    found = [
        Served(engine, is_score, sample("h100-sxm", error, 0.1))
        for engine, sigma in (("vllm", 0.1), ("trtllm", 0.3))
        for is_score in (False, True)
        for error in drawn(sigma, 2000, int(is_score))
    ]
    spreads = served_spreads(found)
    exact, narrow = spreads["tpot_s", "vllm"], spreads["tpot_s", "trtllm"]
    assert exact.as_shipped == pytest.approx(0.8, abs=0.03)
    assert abs(exact.added) < 0.002
    assert narrow.as_shipped < 0.5
    assert narrow.added == pytest.approx(0.3**2 - 0.1**2, rel=0.1)
    assert narrow.inside == pytest.approx(0.8, abs=0.03)
    # Each has what the other lacks where it is left out.
    assert exact.left_out > 0.95
    assert narrow.left_out < 0.55


def test_devices_are_told_apart_by_how_they_are_known():
    assert standing_of("h100-sxm") == CALIBRATED
    assert standing_of("b300") == CARRIED
    assert standing_of("epyc-7v13") == CLASS
    rows = [sample(name, 0.1, 0.1) for name in ("h100-sxm", "h200-sxm", "b300")]
    rows += [sample("h100-sxm", 0.1, 0.1, "kernel")]
    groups = by_standing(rows)
    found = {(group.hardware, group.phase): group.rows for group in groups}
    assert found == {(CALIBRATED, "serve"): 2, (CARRIED, "serve"): 1, (CALIBRATED, "kernel"): 1}


def test_kernel_tables_tell_of_classes_and_of_relatives(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="needs roofsim[calibrate]")
    shapes = [(m, n, k) for m in (8, 64, 512, 4096) for n in (1024, 4096) for k in (1024, 8192)]
    for folder in ("h100_sxm", "h200_sxm"):
        path = tmp_path / "kernels" / folder / "vllm-0.24.0" / "gemm_perf.parquet"
        path.parent.mkdir(parents=True)
        table = pyarrow.table(
            {
                "m": [m for m, _, _ in shapes], "n": [n for _, n, _ in shapes],
                "k": [k for _, _, k in shapes], "gemm_dtype": ["bfloat16"] * len(shapes),
                "kernel_source": ["a"] * len(shapes),
                "latency": [0.006 + 2 * m * n * k / 7e11 for m, n, k in shapes],
            }
        )  # fmt: skip
        pytest.importorskip("pyarrow.parquet").write_table(table, path)
    found = kernel_covers(tmp_path)
    assert set(found) == {("matmul", s) for s in ("calibrated", "class default", "same die")}
    assert all(0 < each.of_all <= each.of_one_more for each in found.values())
