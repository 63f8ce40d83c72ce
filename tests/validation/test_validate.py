"""Validation of a small table, and of what cannot be read."""

import csv
import json
from pathlib import Path

import pytest

from simulator.errors import InputError
from simulator.specs import folders
from simulator.validation.calibrate.run import calibrate
from simulator.validation.measured.published import COLUMNS, published_points
from simulator.validation.measured.runs import Told
from simulator.validation.read import PUBLISHED, read_points
from simulator.validation.validate import validate


def write_points(points, path: Path) -> None:
    """Write points as such a table, values to four digits."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for p in points:
            asked = {k: v for k, v in p.question.items() if v is not None}
            settings = json.dumps(dict(p.settings)) if p.settings else ""
            row = {"hardware": p.hardware, "model": p.model, "phase": p.phase}
            writer.writerow(
                {**row, "quantity": p.quantity, "value": f"{p.value:.4g}", **asked,
                 "settings": settings, "unasked": p.unasked, "source": p.source}
            )  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table's rows of two devices."""
    path = tmp_path_factory.mktemp("table") / "small.csv"
    write_points(
        (p for p in published_points(PUBLISHED) if p.hardware in ("apple-m4", "apple-m1-pro")),
        path,
    )
    return path


def test_own_table_is_large_and_cited() -> None:
    points = list(published_points(PUBLISHED))
    assert len(points) >= 250
    assert len({p.hardware.partition(":")[0] for p in points}) >= 15
    assert all(p.source for p in points)
    known = set(folders.names(folders.data_folder("hardware_specs")))
    assert {p.hardware.partition(":")[0] for p in points} <= known


def test_rows_keep_how_they_were_run(tmp_path: Path) -> None:
    points = [p for p in published_points(PUBLISHED) if p.phase == "serve"]
    assert any("scheduling" in p.settings for p in points)
    assert any(p.unasked for p in points)
    again = tmp_path / "again.csv"
    write_points(points, again)
    assert list(published_points(again)) == points


@pytest.mark.parametrize("settings", ["[1]", "{"])
def test_settings_that_are_no_object_are_named_with_their_row(tmp_path: Path, settings) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(
        "hardware,model,phase,quantity,value,settings,source\n"
        f'h100-sxm,llama-3.1-8b,serve,ttft_s,1,"{settings}",somebody\n'
    )
    with pytest.raises(InputError, match="row 2"):
        list(published_points(path))


def test_rows_of_calibration_and_scoring_are_apart(small: Path) -> None:
    found = validate([small])
    points = list(published_points(small))
    assert found.rows + found.fitted_rows == len(points)
    assert found.rows == sum(p.is_score_row for p in points)
    assert 0 < found.rows < len(points)


def test_result_is_plain_data_with_a_parity_plot(small: Path) -> None:
    plain = validate([small], leave_out=False).to_dict()
    assert json.loads(json.dumps(plain)) == plain | {"files": list(plain["files"])}
    assert len(plain["measured"]) == len(plain["predicted"]) == plain["rows"]
    assert plain["without_device"] == []


def test_left_out_devices_take_their_class_defaults(small: Path) -> None:
    found = validate([small])
    assert {g.hardware for g in found.without_device} >= {"apple-m4", "all"}


def test_unknown_table_names_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerow(["a", "b"])
    with pytest.raises(InputError, match="not a table"):
        read_points(path)
    with pytest.raises(InputError, match="no such file"):
        read_points(tmp_path / "absent.csv")


def test_calibrating_gives_a_section_of_plain_constants(small: Path) -> None:
    found = calibrate("engine", [small], "apple-m1-pro")
    assert 0 < float(found.section.constants["matmul"]["bandwidth_fraction"]) < 1
    assert found.fitted_rows > 0
    assert found.place == "engines.gpu"
    assert {g.rows for g in found.before} == {g.rows for g in found.after}


def test_calibrating_without_rows_says_so(small: Path) -> None:
    with pytest.raises(InputError, match="no row of"):
        calibrate("engine", [small], "h100-sxm")


def test_result_of_a_server_benchmark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text(
        json.dumps(
            {
                "backend": "vllm", "model_id": "meta-llama/Llama-3.1-8B", "date": "20260101",
                "completed": 10, "duration": 5.0, "total_input_tokens": 10240,
                "total_output_tokens": 1280, "max_concurrency": 1, "request_rate": "inf",
                "mean_ttft_ms": 30.0, "mean_tpot_ms": 5.0,
            }
        )
    )  # fmt: skip
    points = list(read_points(path, Told("h200-sxm")))
    assert {(p.phase, p.quantity) for p in points} == {
        ("serve", "ttft_s"), ("serve", "tpot_s"), ("decode", "step_time_s"),
    }  # fmt: skip
    assert points[0].question["isl"] == 1024
    with pytest.raises(InputError, match="names no device"):
        list(read_points(path))
