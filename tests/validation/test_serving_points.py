"""Serving points are asked as they were run, without moving between fitting and scoring."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from simulator.validation.measured.point import Point
from simulator.validation.measured.serving import serving_rows
from simulator.validation.validate import serve_points

ROW = {
    "silicon_data_source": "2026-04-06.csv; silicon_concurrency=16",
    "backend": "trtllm", "backend_version": "1.1.0", "model_path": "meta-llama/Llama-3.1-70B",
    "system": "b200_sxm", "precision": "fp4", "mode": "agg", "isl": "1024", "osl": "1024",
    "gemm_quant_mode": "nvfp4", "moe_quant_mode": "nvfp4", "batch_size": "16", "tp_size": "2",
    "attention_dp_size": "1", "moe_tp_size": "2", "moe_ep_size": "1", "pp_size": "1",
    "silicon_ttft_ms": "300", "silicon_tpot_ms": "12",
}  # fmt: skip


def points_in(file: Path) -> list[Point]:
    return [point for row in serving_rows(file) for point in row.points]


def asked(tmp_path: Path, **changes: str) -> dict[str, object]:
    file = tmp_path / "points.csv"
    with file.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(ROW))
        writer.writeheader()
        # Experts are shared by the devices that share everything else.
        shared = {"moe_tp_size": changes.get("tp_size", ROW["tp_size"])}
        writer.writerow(ROW | shared | changes)
    points = points_in(file)
    assert {p.quantity for p in points} == {"ttft_s", "tpot_s"}
    return points[0].asked


def test_tensorrt_llm_gathers_short_prompts_of_llama(tmp_path):
    assert asked(tmp_path)["scheduling"] == {"gather_steps": 20, "gather_share": 0.9}
    assert "scheduling" not in asked(tmp_path, isl="8192")
    assert "scheduling" not in asked(tmp_path, tp_size="8")


@pytest.mark.parametrize(("users", "interval"), [("8", 10), ("64", 30)])
def test_sglang_on_blackwell_looks_seldom(tmp_path, users, interval):
    source = f"2026-04-06.csv; silicon_concurrency={users}"
    changes = {"backend": "sglang", "model_path": "deepseek-ai/DeepSeek-R1", "tp_size": "8"}
    found = asked(tmp_path, **changes, batch_size=users, silicon_data_source=source)
    assert found["scheduling"] == {"receive_interval": interval}
    hopper = asked(tmp_path, **changes, system="h200_sxm")
    assert "scheduling" not in hopper


def test_vllm_captures_long_steps_of_gpt_oss(tmp_path):
    changes = {"backend": "vllm", "model_path": "openai/gpt-oss-120b", "system": "h200_sxm"}
    assert asked(tmp_path, **changes)["captured_tokens"] == 2048


def test_an_older_engine_has_a_profile_of_its_own(tmp_path):
    elsewhere = "data/auto-gap-analysis/x.csv; silicon_concurrency=16"
    found = asked(tmp_path, backend_version="1.0.0rc3", silicon_data_source=elsewhere)
    assert found["engine"] == "trtllm-1.0"
    assert "scheduling" not in found


def test_settings_do_not_decide_what_is_scored(tmp_path):
    asked(tmp_path)
    for point in points_in(tmp_path / "points.csv"):
        bare = replace(point, settings={})
        assert bare.asked != point.asked
        assert (bare.key, bare.is_score_row) == (point.key, point.is_score_row)


def test_drafted_answers_are_asked_with_their_depth_and_acceptance(tmp_path):
    fp4 = {"model_path": "deepseek-ai/DeepSeek-R1", "tp_size": "8"}
    found = asked(tmp_path, **fp4, backend_version="1.2.0rc6.post3")
    assert found["speculation"] == "mtp:3:repeat"
    assert 0 < found["acceptance"] < 1
    samples, refused = serve_points(points_in(tmp_path / "points.csv"))
    assert [sample.phase for sample in samples] == ["drafted"] * 2
    assert not refused
    assert "speculation" not in asked(tmp_path, **fp4, backend_version="1.2.0rc6.post2")


@pytest.mark.parametrize(
    ("version", "users", "tp", "isl", "layout"),
    [
        ("", "64", "8", "8192", {"tp": 1, "dp": 8, "ep": 8}),
        ("", "64", "8", "1024", {"tp": 8, "dp": None, "ep": 8}),
        ("", "8", "8", "1024", {"tp": 8, "dp": None, "ep": 1}),
        ("1.2.0rc6.post2", "64", "8", "8192", {"tp": 8, "dp": None, "ep": 1}),
    ],
)
def test_first_runs_of_deepseek_spread_experts_and_sequences(
    tmp_path, version, users, tp, isl, layout
):
    source = f"2026-04-06.csv; silicon_concurrency={users}"
    changes = {"model_path": "deepseek-ai/DeepSeek-R1", "backend_version": version}
    found = asked(
        tmp_path, **changes, batch_size=users, tp_size=tp, isl=isl, silicon_data_source=source
    )
    assert {name: found.get(name) for name in layout} == layout
    assert ("scheduling" in found) == (layout["dp"] is not None)
    budget = int(users) + int(isl) + 127
    assert found["max_batched_tokens"] == max(budget // 64 * 64, 8192 if version else 0)


def test_what_was_measured_when_drafting_came_is_told(tmp_path):
    changes = {"model_path": "deepseek-ai/DeepSeek-R1", "backend_version": "1.1.0rc2.post2"}
    for day, drafted in (("2025-12-15", False), ("2026-01-14", True)):
        source = f"2026-04-06.csv; silicon_concurrency=16; measured={day}T00:00:00Z"
        asked(tmp_path, **changes, silicon_data_source=source)
        points = points_in(tmp_path / "points.csv")
        assert {"speculation" in p.asked for p in points} == {drafted}


def test_disaggregated_rows_are_asked_with_their_pools(tmp_path):
    sizes = {"tp_size": "8", "pp_size": "1", "attention_dp_size": "1", "moe_tp_size": "1"}
    prefill = {f"prefill_{name}": size for name, size in sizes.items()}
    spread = sizes | {"tp_size": "1", "attention_dp_size": "8", "moe_ep_size": "8"}
    decode = {f"decode_{name}": size for name, size in spread.items()}
    row = {
        "silicon_data_source": "db-dump; silicon_concurrency=128; measured=2026-02-01",
        "backend": "sglang", "backend_version": "0.5.8", "model_path": "deepseek-ai/DeepSeek-V3",
        "system": "h200_sxm", "precision": "fp8", "mode": "disagg", "isl": "8192", "osl": "1024",
        "gemm_quant_mode": "fp8", "moe_quant_mode": "fp8_block", "batch_size": "",
        **prefill, "prefill_moe_ep_size": "8", "prefill_num_workers": "2",
        **decode, "decode_num_workers": "1",
        "silicon_ttft_ms": "3644.4", "silicon_tpot_ms": "40.6",
    }  # fmt: skip
    file = tmp_path / "rows.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(row))
        writer.writeheader()
        writer.writerow(row)
    points = [point for found in serving_rows(file) for point in found.points]
    measured = {p.quantity: p.value for p in points}
    assert measured == pytest.approx({"tpot_s": 0.0406, "ttft_s": 3.6444})
    asked = points[0].asked
    assert asked["prefill"] == {"tp": 8, "ep": 8, "replicas": 2}
    assert asked["decode"] == {"tp": 1, "dp": 8, "ep": 8, "replicas": 1}
    assert asked["concurrency"] == 128
