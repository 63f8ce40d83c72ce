"""The command as people and programs use it: exit codes, streams, files."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command import roofsim


def refused(done: subprocess.CompletedProcess[str], *says: str) -> None:
    """Exit code 2, one message on stderr that says what is wrong, no traceback."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for part in says:
        assert part in done.stderr


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    path = tmp_path / "quick.yaml"
    path.write_text(
        "name: quick\nmodel: llama-3.1-8b\nhardware: h100-sxm\n"
        "workload:\n  arrivals: {process: poisson, rate: 20}\n"
        "  input_tokens: 200\n  output_tokens: 30\n  requests: 50\n",
        encoding="utf-8",
    )
    return path


def test_run_prints_one_json_object_and_nothing_else(quick):
    done = roofsim("run", quick, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["finished"] == 50
    assert found["ttft_p50_s"] <= found["ttft_p99_s"]
    assert done.stderr == ""


def test_run_writes_the_whole_report(quick, tmp_path):
    out = tmp_path / "out"
    done = roofsim("run", quick, "--out", out)
    assert done.returncode == 0, done.stderr
    written = {p.name for p in out.rglob("*") if p.is_file()}
    assert {"summary.json", "requests.csv", "report.html"} <= written
    assert sum(name.endswith(".svg") for name in written) >= 3
    assert sum(name.endswith(".png") for name in written) >= 3
    rows = list(csv.DictReader((out / "requests.csv").open(encoding="utf-8")))
    assert len(rows) == 50
    columns = "request_id,arrival_s,input_tokens,output_tokens,cached_tokens,ttft_s,tpot_s,e2e_s"
    assert ",".join(rows[0]) == f"{columns},queue_s,replica,preemptions,status"
    page = (out / "report.html").read_text(encoding="utf-8")
    assert 'src="http' not in page
    assert not re.search(r'<link[^>]+href="(?!data:)', page)
    assert "@import" not in page


def test_run_writes_its_report_into_a_folder_of_its_own(quick, tmp_path):
    done = roofsim("run", quick, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "quick" / "report.html").exists()
    assert roofsim("run", quick, "--json", cwd=tmp_path / "out").returncode == 0
    assert not (tmp_path / "out" / "out").exists()


def test_run_shows_a_summary_for_people(quick):
    done = roofsim("run", quick)
    assert done.returncode == 0, done.stderr
    for word in ("TTFT", "TPOT", "tokens/s", "p99", "bound by"):
        assert word in done.stdout, word


def test_compare_prints_each_device_relative_to_the_first(quick, tmp_path):
    done = roofsim(
        "compare",
        quick,
        "--hardware",
        "h100-sxm,h200-sxm,b200",
        "--workers",
        1,
        "--out",
        tmp_path / "c",
    )
    assert done.returncode == 0, done.stderr
    for word in ("h100-sxm", "h200-sxm", "b200"):
        assert word in done.stdout.lower() or word.split("-")[0].upper() in done.stdout
    assert any(p.suffix == ".svg" for p in (tmp_path / "c").rglob("*"))


def test_cases_pass_further_columns_through_and_keep_going(tmp_path):
    cases = tmp_path / "cases.csv"
    cases.write_text(
        "label,hardware,model,phase,batch,context\n"
        "a,h100-sxm,llama-3.1-8b,decode,8,1000\n"
        "b,h10-sxm,llama-3.1-8b,decode,8,1000\n"
        "c,b200,llama-3.1-8b,prefill,1,1000\n",
        encoding="utf-8",
    )
    out = tmp_path / "answers.csv"
    done = roofsim("predict", "--cases", cases, "--keep", "label", "--out", out)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(out.open(encoding="utf-8")))
    assert [r["label"] for r in rows] == ["a", "b", "c"]
    assert float(rows[0]["step_time_s"]) > 0
    assert "did you mean" in rows[1]["error"]
    assert rows[1]["step_time_s"] == ""
    assert float(rows[2]["ttft_s"]) > 0
    assert rows[2]["error"] == ""


def test_unknown_hardware_is_an_error_that_suggests(quick):
    refused(roofsim("run", quick, "--hardware", "h100-smx"), "h100-smx", "h100-sxm")
    refused(roofsim("predict", "-w", "h900", "-m", "llama-3.1-8b"), "h900")


def test_a_missing_scenario_is_an_error(tmp_path):
    refused(roofsim("run", tmp_path / "none.yaml"), "none.yaml")


def test_an_unwritable_folder_is_refused_before_the_simulation(quick, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    refused(roofsim("run", quick, "--out", blocked / "out"), "out")
    assert blocked.read_text(encoding="utf-8") == "not a folder"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "no requests"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n", "no requests"),
        ("a,b,c\n1,2,3\n", "not recognised"),
        (
            "TIMESTAMP,ContextTokens,GeneratedTokens\n"
            "2023-11-16 18:15:46.68,374,44\n2023-11-16 18:15:40.00,3,4\n",
            "line 3",
        ),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,0\n", "line 2"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,374,5\n", "line 2"),
        ('{"timestamp": 0, "input_length": 10}\n', "output_length"),
    ],
)
def test_a_bad_trace_names_file_and_line(quick, tmp_path, content, says):
    trace = tmp_path / "trace.csv"
    trace.write_text(content, encoding="utf-8")
    refused(roofsim("run", quick, "--trace", trace), "trace.csv", says)


def test_a_misspelt_flag_is_an_error(quick):
    assert roofsim("run", quick, "--hardwar", "b200").returncode == 2


def test_help_names_every_command():
    done = roofsim("--help")
    assert done.returncode == 0
    for command in ("run", "predict", "compare", "catalogue"):
        assert command in done.stdout


def test_no_progress_bar_in_a_pipe(quick):
    assert "requests" not in roofsim("run", quick).stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("predict", "-w", "h100-sxm", "-m", "llama-3.1-8b", "--json"), 0, ""),
        (("predict", "-w", "h900", "-m", "llama-3.1-8b"), 2, "roofsim: "),
    ],
)
def test_a_process_ends_with_the_code_of_its_command(arguments, code, says):
    """Other tests call the command in this process; this one is what a shell does."""
    command = [sys.executable, "-m", "simulator.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(says)
    assert "Traceback" not in done.stderr
    assert done.stdout == roofsim(*arguments).stdout


def test_the_command_line_starts_without_heavy_imports():
    code = "import sys, simulator.cli.main; print(sorted(sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for heavy in ("numpy", "scipy", "matplotlib", "pydantic", "simpy", "joblib"):
        assert f"'{heavy}'" not in done.stdout, heavy


def test_a_step_is_predicted_without_what_it_does_not_need():
    code = (
        "import sys; from simulator.simulate.predict import predict;"
        "predict('h100-sxm', 'llama-3.1-8b'); print(*sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    heavy = {"scipy", "matplotlib", "jinja2", "joblib", "pandas", "simpy", "rich", "pyarrow"}
    assert not imported & heavy
    assert not [name for name in imported if name.startswith("simulator.serving.cluster")]


def test_any_field_can_be_set(quick):
    done = roofsim("run", quick, "--json", "--set", "workload.requests=7")
    assert json.loads(done.stdout)["requests"] == 7
    refused(roofsim("run", quick, "--set", "workload.requets=7"), "requets")
    refused(roofsim("run", quick, "--set", "nonsense"), "FIELD=VALUE")


@pytest.mark.parametrize("form", ["vllm-bench", "infx", "perfetto"])
def test_a_run_can_be_exported(quick, tmp_path, form):
    out = tmp_path / "run.json"
    done = roofsim("export", form, quick, "--out", out)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    if form == "vllm-bench":
        assert found["completed"] == 50
        assert len(found["ttfts"]) == 50
    if form == "perfetto":
        assert any(event["ph"] == "X" for event in found["traceEvents"])


def test_an_unknown_export_format_suggests(quick, tmp_path):
    refused(roofsim("export", "perfeto", quick, "--out", tmp_path / "x"), "perfetto")
    refused(roofsim("export", "infx", quick, "--out", tmp_path / "no" / "x"), "cannot be written")


def test_catalogue_lists_shows_and_checks(tmp_path):
    listed = roofsim("catalogue", "list", "--vendor", "Apple", "--json")
    names = [row["name"] for row in json.loads(listed.stdout)["hardware"]]
    assert "apple-m4-pro" in names
    assert all(name.startswith(("apple", "mac")) for name in names)
    shown = roofsim("catalogue", "show", "h100-sxm")
    assert "datasheet" in shown.stdout.lower() or "data sheet" in shown.stdout.lower()
    assert "[1]" in shown.stdout
    assert "32 layers" in roofsim("catalogue", "show", "llama-3.1-8b").stdout
    refused(roofsim("catalogue", "show", "h100-sx"), "h100-sxm")
    made = roofsim("catalogue", "new", "hardware", "--name", "my-chip", cwd=tmp_path)
    assert made.returncode == 0
    assert roofsim("catalogue", "check", "./my-chip.yaml", cwd=tmp_path).returncode == 0


def table_of(folder: Path, rows: list[str]) -> Path:
    """A table of measurements of one's own."""
    table = folder / "mine.csv"
    columns = "hardware,model,phase,quantity,value,engine,precision,batch,context,source"
    table.write_text("\n".join([columns, *rows, ""]), encoding="utf-8")
    return table


def test_validate_scores_a_table_of_ones_own(tmp_path):
    row = "h100-sxm,llama-3.1-8b,decode,step_time_s,0.007,vllm,bf16,{},1000,mine"
    table = table_of(tmp_path, [row.format(batch) for batch in range(1, 17)])
    done = roofsim("validate", "--data", table, "--json", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rows"] + found["fitted_rows"] == 16
    assert 0 < found["overall"][0]["mean_error"] < 0.5
    assert any(p.suffix == ".svg" for p in (tmp_path / "out").iterdir())


def test_calibrate_writes_the_file_that_the_device_takes(tmp_path):
    row = "apple-m4-pro,llama-3.1-8b,decode,step_time_s,{},llamacpp,bf16,1,{},x"
    table = table_of(tmp_path, [row.format(i / 1e3, i) for i in range(99, 115)])
    done = roofsim("calibrate", "engine", table, "--device", "apple-m4-pro", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "measured_with: >-\n      whole models: x" in done.stdout
    assert "before" in done.stderr
    refused(
        roofsim("calibrate", "engine", table, "--device", "apple-m4-pr", "--dry-run"),
        "apple-m4-pro",
    )
    refused(roofsim("calibrate", table, "--device", "apple-m4-pro", "--dry-run"), "Parquet")


def test_calibrate_fits_a_chip_of_ones_own(tmp_path):
    made = roofsim("catalogue", "new", "hardware", "--name", "my-chip", cwd=tmp_path)
    assert made.returncode == 0
    chip = tmp_path / "my-chip.yaml"
    row = f"{chip},llama-3.1-8b,decode,step_time_s,{{}},llamacpp,bf16,1,{{}},x"
    table = table_of(tmp_path, [row.format(i / 1e3, i) for i in range(99, 115)])
    predict = ("predict", "-w", chip, "-m", "llama-3.1-8b", "--context", 105, "--json")
    before = json.loads(roofsim(*predict).stdout)["step_time_s"]
    done = roofsim("calibrate", "engine", table, "--device", chip)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "calibrations" / "my-chip.yaml").is_file()
    after = json.loads(roofsim(*predict).stdout)["step_time_s"]
    assert abs(after - 0.105) < abs(before - 0.105)


def test_operators_add_up_to_the_step():
    asked = ("predict", "-w", "h100-sxm", "-m", "qwen3-0.6b", "--engine", "vllm")
    step = (*asked, "--phase", "prefill", "--context", 300, "--operators")
    found = json.loads(roofsim(*step, "--json").stdout)
    rows = found["operators"]
    assert sum(row["time_s"] for row in rows) == pytest.approx(found["step_time_s"], rel=1e-9)
    assert rows[0]["bound"] == found["bound"] == "host"
    shown = roofsim(*step)
    assert shown.returncode == 0, shown.stderr
    assert "engine.launches" in shown.stdout
    served = roofsim(*asked, "--phase", "serve", "--concurrency", 2, "--operators")
    refused(served, "decode step or a prefill")


def test_a_new_scenario_runs_as_it_is_and_is_not_written_over(tmp_path):
    made = roofsim("catalogue", "new", "scenario", "--name", "mine", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    ran = roofsim("run", "./mine.yaml", "--json", cwd=tmp_path)
    found = json.loads(ran.stdout)
    assert found["scenario"] == "mine"
    assert found["finished"] == found["requests"] > 0
    assert found["goodput_requests_per_s"] > 0
    again = roofsim("catalogue", "new", "scenario", "--name", "mine", cwd=tmp_path)
    refused(again, "mine.yaml", "already exists")


def test_shipped_scenarios_are_listed_and_found_by_name(tmp_path):
    listed = json.loads(roofsim("catalogue", "list", "scenarios", "--json").stdout)["scenarios"]
    assert len(listed) >= 7
    assert all(row["title"] for row in listed)
    ran = roofsim("run", "trace", "--set", "workload.limit=20", "--json", cwd=tmp_path)
    assert json.loads(ran.stdout)["finished"] == 20


def test_a_scenario_of_one_step_is_answered_as_predict_does(tmp_path):
    path = tmp_path / "step.yaml"
    path.write_text(
        "name: step\nhardware: h200-sxm\nmodel: llama-3.1-8b\n"
        "workload: {kind: decode, batch: 64, context: 2048}\n",
        encoding="utf-8",
    )
    ran = roofsim("run", path, "--json")
    asked = ["-w", "h200-sxm", "-m", "llama-3.1-8b", "--batch", "64", "--context", "2048"]
    assert json.loads(ran.stdout) == json.loads(roofsim("predict", *asked, "--json").stdout)
    refused(roofsim("run", path, "--out", tmp_path / "report"), "--out")


def test_fields_of_any_section_are_columns_too(tmp_path):
    cases = tmp_path / "cases.csv"
    cases.write_text(
        "hardware,model,batch,economics.usd_per_device_hour,deployment.offload.kv.host,note\n"
        "h100-sxm,llama-3.1-8b,8,2 USD/h,,cheap\nh100-sxm,llama-3.1-8b,8,4 USD/h,,dear\n",
        encoding="utf-8",
    )
    done = roofsim("predict", "--cases", cases)
    cheap, dear = csv.DictReader(done.stdout.splitlines())
    key = "usd_per_million_output_tokens"
    assert float(dear[key]) == pytest.approx(2 * float(cheap[key]))
    assert (cheap["note"], dear["note"]) == ("cheap", "dear")
    for column in ("batchsize", "tpot_s", "economics.pu"):
        cases.write_text(f"hardware,model,{column}\nh100-sxm,llama-3.1-8b,1\n", encoding="utf-8")
        refused(roofsim("predict", "--cases", cases), column)
