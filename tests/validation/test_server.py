"""A server's own overheads, fitted to runs whose overheads are known."""

import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
from command import roofsim

from simulator.errors import InputError
from simulator.simulate.predict import predict
from simulator.specs import catalogue
from simulator.validation.calibrate.run import calibrate
from simulator.validation.calibrate.server import OVERHEADS, fit_server, served_points
from simulator.validation.measured.runs import Told

PLANTED = {"step_overhead": 1.5e-3, "sequence_overhead": 8e-6, "server_overhead": 60e-3}
LOADS = [(256, 32, 1), (256, 32, 8), (512, 16, 4), (128, 64, 16)]


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An engine's file with the planted overheads."""
    path = tmp_path_factory.mktemp("engine") / "planted.yaml"
    lines = ["base: vllm", *(f"{name}: {value} s" for name, value in PLANTED.items())]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def measured(profile: Path) -> Path:
    """Runs of that server, as SGLang's benchmark would write them."""
    lines = []
    for isl, osl, users in LOADS:
        count = max(20, 2 * users)
        found = predict(
            "h200-sxm", "qwen3-8b", engine=str(profile), phase="serve", isl=isl, osl=osl,
            concurrency=users, requests=count,
        )  # fmt: skip
        run = {
            "backend": "vllm", "model_id": "Qwen/Qwen3-8B", "completed": count, "duration": 9.0,
            "total_input_tokens": count * isl, "total_output_tokens": count * osl,
            "max_concurrency": users, "mean_ttft_ms": 1e3 * found.ttft_s,
            "mean_tpot_ms": 1e3 * found.tpot_s,
        }  # fmt: skip
        lines.append(json.dumps(run))
    path = profile.parent / "runs.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_planted_overheads_are_found_and_told_on_runs_left_out(measured: Path) -> None:
    found = fit_server(served_points([measured], Told("h200-sxm")))
    assert found.runs == len(LOADS)
    after = {name: value for name, (_, value) in found.overheads.items()}
    assert after["step_overhead"] == pytest.approx(PLANTED["step_overhead"], rel=0.1)
    assert after["server_overhead"] == pytest.approx(PLANTED["server_overhead"], rel=0.1)
    assert len(found.rows) == 2 * len(LOADS)
    assert found.helps
    for old, new in zip(found.before, found.after, strict=True):
        assert new.mean_error < 0.05 < old.mean_error
    json.dumps(found.to_dict(), allow_nan=True)


def test_the_fitted_file_is_an_engine(measured: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    done = roofsim("calibrate", "engine", measured, "--device", "h200-sxm", "-o", out)
    assert done.returncode == 0, done.stderr
    assert "left out" in done.stderr
    done = roofsim("validate", "--data", measured, "--json")
    assert done.returncode == 2
    ask = ["predict", "-w", "h200-sxm", "-m", "qwen3-8b", "--phase", "serve", "--concurrency", 4]
    ask += ["--isl", 512, "--osl", 16, "--requests", 20, "--json"]
    plain, fitted = roofsim(*ask), roofsim(*ask, "--engine", out)
    assert fitted.returncode == 0, fitted.stderr
    assert json.loads(fitted.stdout)["ttft_s"] > 1.2 * json.loads(plain.stdout)["ttft_s"]


def test_too_few_runs_and_several_engines_are_refused(measured: Path) -> None:
    points = served_points([measured], Told("h200-sxm"))
    with pytest.raises(InputError, match="2 runs can be used"):
        fit_server(points[:4])
    from dataclasses import replace

    other = replace(points[0], question={**points[0].question, "engine": "sglang"})
    with pytest.raises(InputError, match="2 engines"):
        fit_server([*points, other])


def test_a_profile_of_ones_own_counts_anew_when_it_is_edited(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("base: vllm\nname: own\nstep_overhead: 1 ms\n")
    first = catalogue.engine_profile(str(path))
    assert (first.name, float(first.step_overhead)) == ("own", 1e-3)
    assert first.scheduling == catalogue.engine_profile("vllm").scheduling
    slow = predict("h200-sxm", "qwen3-8b", engine=str(path), batch=1, context=100)
    path.write_text("base: vllm\nname: own\nstep_overhead: 2 ms\n")
    os.utime(path, ns=(1, 1))
    slower = predict("h200-sxm", "qwen3-8b", engine=str(path), batch=1, context=100)
    assert slower.step_time_s - slow.step_time_s == pytest.approx(1e-3)
    path.write_text("base: vlm\n")
    with pytest.raises(InputError, match="unknown engine 'vlm'"):
        catalogue.engine_profile(str(path))


def test_what_is_fitted_are_fields_of_a_profile() -> None:
    profile = catalogue.engine_profile("vllm")
    assert all(float(getattr(profile, name)) >= 0 for name in OVERHEADS)


def test_steps_of_ones_own_are_scored_one_by_one(tmp_path: Path) -> None:
    table = tmp_path / "llama-bench.md"
    rows = [f"| qwen3 {size}B Q4_0 | {test} | {speed} |" for size, test, speed in (
        ("0.6", "tg128", 300), ("1.7", "tg128", 150), ("4", "tg128", 70), ("8", "tg128", 40),
        ("8", "pp512", 600),
    )]  # fmt: skip
    table.write_text("\n".join(["| model | test | t/s |", "| --- | --- | --- |", *rows]) + "\n")
    found = calibrate("engine", [table], "apple-m2-max")
    assert found.fitted_rows > 0
    assert sum(group.rows for group in found.before) == len(rows)
    assert sum(group.rows for group in found.after) == len(rows)


def test_what_a_result_does_not_say_is_told_or_asked(measured: Path) -> None:
    ask = ["validate", "--data", measured, "-w", "h200-sxm", "--json"]
    plain = json.loads(roofsim(*ask).stdout)
    assert any("one device" in note for note in plain["notes"])
    line = "vllm serve Qwen/Qwen3-8B -tp 2 --port 1"
    for more in (["--launch", line], ["--set", "deployment.tp=2"]):
        done = roofsim(*ask, *more)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert all("tp=2" in sample["asked"] for sample in told["samples"])
        assert not any("one device" in note for note in told["notes"])
    done = roofsim(*ask, "--set", "workload.isl=3")
    assert done.returncode == 2
    assert "--set deployment.tp=2" in done.stderr
