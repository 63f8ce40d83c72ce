"""The same rows, asked by their flags alone."""

import csv
from pathlib import Path

from simulator.validation.measured.plain import FLAGS, by_flags_alone
from simulator.validation.measured.point import Point
from simulator.validation.validate import validate

QUESTION = {"engine": "vllm", "tp": 2, "length_spread": 0.2, "kv_precision": "fp8", "isl": 512}


def test_what_is_no_flag_is_left_out_and_the_split_stays() -> None:
    for value in (0.01, 0.02):
        for isl in range(512, 544):
            question = QUESTION | {"isl": isl}
            point = Point(
                "h100-sxm", "llama-3.1-8b", "serve", "ttft_s", value, question,
                settings={"start": "together"},
            )  # fmt: skip
            plain = by_flags_alone(point)
            assert set(plain.asked) <= set(FLAGS)
            assert plain.asked == {"engine": "vllm", "tp": 2, "isl": isl}
            assert plain.is_score_row == point.is_score_row
            assert (plain.value, plain.quantity) == (point.value, point.quantity)


def test_served_rows_are_asked_both_ways(tmp_path: Path) -> None:
    row = {
        "silicon_data_source": "a.csv; silicon_concurrency=4", "backend": "vllm",
        "backend_version": "0.12.0", "model_path": "meta-llama/Llama-3.1-8B-Instruct",
        "system": "h100_sxm", "precision": "bf16", "mode": "agg", "isl": "512", "osl": "32",
        "gemm_quant_mode": "", "moe_quant_mode": "", "batch_size": "4", "tp_size": "1",
        "pp_size": "1", "attention_dp_size": "1", "moe_tp_size": "1", "moe_ep_size": "1",
        "silicon_ttft_ms": "50", "silicon_tpot_ms": "7",
    }  # fmt: skip
    path = tmp_path / "points.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerows(row | {"isl": str(512 + i)} for i in range(6))
    found = validate([path], leave_out=False, flags_alone=True)
    assert len(found.plain_samples) == len(found.samples) > 0
    run = {(s.quantity, s.measured): s.predicted for s in found.samples}
    plain = {(s.quantity, s.measured): s.predicted for s in found.plain_samples}
    assert run.keys() == plain.keys()
    assert run != plain
    assert {group.quantity for group in found.plain} <= {"tpot_s", "ttft_s"}
