"""Rows of ML.ENERGY 3.0: which are asked, and how."""

from simulator.validation.measured.datacenter import datacenter_rows
from simulator.validation.measured.mlenergy import disturbed_groups, mlenergy_point

_COLUMNS = (
    "source", "device_norm", "n_devices", "model", "weight_precision", "parallelism", "scenario",
    "isl", "osl", "concurrency_or_batch", "metric", "value", "notes", "spec_decode", "quality",
    "part", "engine",
)  # fmt: skip


def _row(users: int, gap_ms: float, slowest_ms: float, **changed: str) -> dict[str, str]:
    row = dict.fromkeys(_COLUMNS, "") | {
        "source": "ML.ENERGY Benchmark v3.0 leaderboard",
        "device_norm": "NVIDIA H100 SXM",
        "n_devices": "2.0",
        "model": "Qwen/Qwen3-32B",
        "weight_precision": "bfloat16",
        "parallelism": "tp2/ep1/dp1",
        "osl": "600.4",
        "concurrency_or_batch": str(users),
        "metric": "tpot_ms",
        "value": str(gap_ms),
        "notes": f"median ITL; p90={slowest_ms} p99=30; task=lm-arena-chat; closed-loop",
        "part": "mlenergy3",
    }
    return row | changed


def test_a_run_is_asked_as_a_closed_loop_of_its_sequences() -> None:
    point = mlenergy_point(_row(8, 15.0, 15.5), frozenset())
    assert (point.hardware, point.model, point.quantity) == ("h100-sxm", "qwen3-32b", "itl_p50_s")
    assert point.value == 0.015
    asked = point.asked
    assert (asked["concurrency"], asked["max_sequences"], asked["osl"]) == (8, 8, 600)
    assert (asked["engine"], asked["tp"], asked["sampling"]) == ("vllm-0.11", 2, "filtered")
    assert not point.unasked


def test_all_runs_of_a_model_on_as_many_devices_fall_on_one_side_of_the_split() -> None:
    metrics = ("tpot_ms", "watts", "joules_per_output_token", "output_tok_s_total")
    rows = [_row(users, 15.0, 15.5, metric=m) for users in (8, 64, 256) for m in metrics]
    points = [mlenergy_point(row, frozenset()) for row in rows]
    assert len({point.is_score_row for point in points}) == 1


def test_a_host_that_was_disturbed_is_told_by_gaps_that_few_prompts_cannot_explain() -> None:
    calm, disturbed = _row(8, 15.0, 15.5), _row(8, 15.0, 29.0, model="Qwen/Qwen3-8B")
    # With 256 users every second step holds a prompt: such gaps are no sign of anything.
    busy = _row(256, 40.0, 80.0, model="Qwen/Qwen3-14B")
    found = disturbed_groups([calm, disturbed, busy])
    assert len(found) == 1
    later = _row(64, 22.0, 23.0, model="Qwen/Qwen3-8B")
    for row, told in ((calm, False), (disturbed, True), (busy, False), (later, True)):
        point = mlenergy_point(row, found)
        assert bool(point.unasked) is told


def test_prompts_of_unknown_length_are_not_asked() -> None:
    point = mlenergy_point(_row(8, 15.0, 15.5, notes="p90=15.5; task=sourcegraph-fim"), frozenset())
    assert "how long its prompts were" in point.unasked


def test_the_table_gives_these_rows_among_its_others(tmp_path) -> None:
    rows = [_row(8, 15.0, 15.5), _row(8, 900.0, 0, metric="watts")]
    lines = [",".join(_COLUMNS)]
    lines += [",".join(f'"{row[column]}"' for column in _COLUMNS) for row in rows]
    file = tmp_path / "table.csv"
    file.write_text("\n".join(lines))
    quantities = [p.quantity for row in datacenter_rows(file) for p in row.points]
    assert quantities == ["itl_p50_s", "power_w"]
