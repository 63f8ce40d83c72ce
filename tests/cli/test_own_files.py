"""Users' own files, each to an answer in one command; and remedies, each of which is followed."""

import json
import shlex
import sys
from pathlib import Path

import pytest
import yaml
from command import roofsim

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "traces" / "results"))
import files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file of each kind, as users have them."""
    contents = {
        "bench.json": json.dumps(files.VLLM),
        "detailed.json": json.dumps(files.DETAILED),
        "sglang.jsonl": files.lines_of([files.SGLANG, files.SGLANG]),
        "aiperf.json": json.dumps(files.AIPERF),
        "records.jsonl": files.lines_of(files.AIPERF_RECORDS),
        "guidellm.json": json.dumps(files.GUIDELLM),
        "agg.json": json.dumps(files.INFERENCEX | {"conc": 4}),
        "table.md": files.LLAMA_TABLE,
        "spans.json": json.dumps(files.SPANS),
        "sharegpt.json": json.dumps(files.SHAREGPT),
        "mooncake.jsonl": '{"timestamp": 0, "input_length": 600, "output_length": 5}\n',
        "two.json": json.dumps(files.GUIDELLM | {"benchmarks": 2 * files.GUIDELLM["benchmarks"]}),
        "one.prom": files.scrape(100),
        "two.prom": files.scrape(300),
        "idle.prom": files.scrape(100, running=0),
        "failed.csv": "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "0,m,100,20,120,x\n1,m,200,0,200,x\n2,m,50,10,60,x\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def answered(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["detailed.json", "records.jsonl", "guidellm.json", "spans.json"])
def test_recorded_requests_are_served(folder, name):
    found = answered(roofsim("run", "quickstart", "--trace", folder / name, "--json"))
    assert found["finished"] == 2
    assert any(f"{name} is read as" in note for note in found["notes"])


def test_sharegpt_is_served_at_a_rate(folder):
    done = roofsim("run", "quickstart", "--trace", folder / "sharegpt.json", "--rate", 2, "--json")
    assert answered(done)["finished"] == 2


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("bench.json", []),
        ("sglang.jsonl", ["--run", "2"]),
        ("aiperf.json", []),
        ("guidellm.json", []),
        ("one.prom", []),
    ],
)
def test_a_result_becomes_a_scenario_that_runs(folder, name, more):
    out = folder / "s.yaml"
    kind = "prometheus" if name.endswith(".prom") else "bench"
    done = roofsim("import", kind, folder / name, "-w", "h200-sxm", "-o", out, *more)
    assert done.returncode == 0, done.stderr
    content = yaml.safe_load(out.read_text())
    assert content["model"] == "Qwen/Qwen3-8B"
    found = answered(roofsim("run", out, "--requests", 20, "--json"))
    assert found["finished"] == 20
    assert content["notes"][0] in found["notes"]


def test_two_scrapes_become_a_scenario(folder):
    done = roofsim(
        "import", "prometheus", folder / "one.prom", folder / "two.prom", "--seconds", 100, "--json"
    )
    assert answered(done)["workload"]["arrivals"] == {"process": "poisson", "rate": 2.0}


def test_a_trace_becomes_a_scenario(folder):
    done = roofsim("import", "trace", folder / "detailed.json", "-m", "qwen3-8b", "--json")
    assert answered(done)["workload"]["file"].endswith("detailed.json")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("bench.json", 10), ("aiperf.json", 11), ("guidellm.json", 12),
        ("table.md", 3), ("spans.json", 11), ("one.prom", 3), ("agg.json", 8),
    ],
)  # fmt: skip
def test_every_row_of_ones_own_file_is_scored(folder, name, rows):
    done = roofsim("validate", "--data", folder / name, "-w", "h200-sxm", "--json")
    found = answered(done)
    assert found["rows"] == rows
    assert found["fitted_rows"] == 0
    assert len(found["samples"]) == rows
    assert all(sample["predicted"] > 0 for sample in found["samples"])


def test_each_row_has_a_line_of_its_own(folder):
    done = roofsim("validate", "--data", folder / "bench.json", "-w", "h200-sxm")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "concurrency=32" in line]
    assert len(lines) == 10
    assert "every row of your own files is scored" in done.stdout


def test_rows_of_ones_own_table_are_all_scored(tmp_path):
    table = tmp_path / "mine.csv"
    rows = [f"h100-sxm,qwen3-8b,decode,step_time_s,0.01,{batch},1000,me" for batch in range(1, 7)]
    header = "hardware,model,phase,quantity,value,batch,context,source"
    table.write_text("\n".join([header, *rows]) + "\n")
    found = answered(roofsim("validate", "--data", table, "--json"))
    assert (found["rows"], found["fitted_rows"]) == (6, 0)


def test_nothing_scored_is_no_success(folder):
    done = roofsim(
        "validate", "--data", folder / "bench.json", "-w", "h200-sxm", "-m", "x", "--json"
    )
    assert done.returncode == 0, done.stderr
    unknown = folder / "unknown.json"
    unknown.write_text(json.dumps(files.VLLM | {"model_id": "nobody/knows"}))
    done = roofsim("validate", "--data", unknown, "-w", "h200-sxm")
    assert done.returncode == 2
    assert "no row could be scored" in done.stderr
    done = roofsim("validate", "--data", unknown, "-w", "h200-sxm", "-m", "qwen3-8b")
    assert done.returncode == 0, done.stderr


TRACE = ("run", "quickstart", "--trace")


@pytest.mark.parametrize(
    ("asked", "remedy"),
    [
        # A remedy names further arguments of the same command …
        ((*TRACE, "failed.csv"), "--set workload.skip_empty=true"),
        ((*TRACE, "sharegpt.json"), "--set workload.rate=5"),
        (("import", "prometheus", "idle.prom"), "--seconds 3600"),
        (("import", "trace", "detailed.json"), "--model llama-3.1-8b"),
        (("validate", "--data", "bench.json"), "--hardware h100-sxm"),
        (("run", "--launch", "vllm serve Qwen/Qwen3-8B"), "--hardware h100-sxm"),
        # … or another command.
        ((*TRACE, "bench.json"), "roofsim import bench bench.json"),
        ((*TRACE, "one.prom"), "roofsim import prometheus one.prom"),
        ((*TRACE, "table.md"), "roofsim validate --data table.md"),
        ((*TRACE, "agg.json"), "roofsim import bench agg.json"),
        (("import", "bench", "table.md", "--run", "3"), "roofsim validate --data table.md"),
        (("import", "bench", "sharegpt.json"),
         "roofsim import trace sharegpt.json --model llama-3.1-8b --rate 5"),
        (("import", "bench", "failed.csv"),
         "roofsim import trace failed.csv --model llama-3.1-8b"),
        (("validate", "--data", "mooncake.jsonl"), "roofsim run quickstart --trace mooncake.jsonl"),
        ((*TRACE, "two.json"), "roofsim import bench two.json --run 1"),
    ],
)  # fmt: skip
def test_a_remedy_works_when_it_is_followed(folder, asked, remedy):
    done = roofsim(*asked, cwd=folder)
    assert done.returncode == 2, done.stdout
    assert remedy in done.stderr.replace(f"{folder}/", "")
    words = shlex.split(remedy)
    followed = words[1:] if words[0] == "roofsim" else [*asked, *words]
    if followed[0] == "validate" and "--hardware" not in followed:
        followed += ["--hardware", "h200-sxm"]
    if "failed.csv" in followed and "workload.skip_empty=true" not in followed[-1]:
        followed += ["--set", "workload.skip_empty=true"]
    done = roofsim(*followed, cwd=folder)
    assert done.returncode == 0, done.stderr


def test_a_field_that_a_trace_has_no_use_for_is_refused(folder):
    for setting in ("workload.nonsense=1", "workload.users=4", "workload.arrivals.rate=3"):
        done = roofsim(*TRACE, folder / "detailed.json", "--set", setting)
        assert done.returncode == 2
        assert "workload" in done.stderr
    done = roofsim(*TRACE, folder / "detailed.json", "--isl", 5)
    assert done.returncode == 2
    assert "no effect" in done.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["workload.time_scale=2"], ""),
        (["workload.limit=1"], ""),
        (["workload.rate=3"], ""),
        (["workload.rate=3", "workload.time_scale=2"], "give one"),
    ],
)
def test_fields_that_mean_something_to_a_trace_are_kept(folder, settings, said):
    flags = [word for setting in settings for word in ("--set", setting)]
    done = roofsim(*TRACE, folder / "detailed.json", *flags, "--json")
    assert done.returncode == (2 if said else 0)
    assert said in done.stderr


def test_the_cases_that_users_files_made_us_find(shared_data):
    cases = shared_data.parent / "cases"
    if not cases.is_dir():
        pytest.skip("the cases are not beside this checkout")
    failed, bench = cases / "k11-failed-row.csv", cases / "k12-bench-result.json"
    done = roofsim(*TRACE, failed, "--set", "workload.skip_empty=true", "--json")
    assert answered(done)["finished"] == 2
    assert roofsim(*TRACE, failed, "--set", "workload.nonsense=1").returncode == 2
    for device in ("mi300x", "b200"):
        done = roofsim("validate", "--data", bench, "--hardware", device, "--json")
        assert answered(done)["rows"] == 2
    done = roofsim(*TRACE, bench)
    assert "without its requests" in done.stderr
    assert "--save-detailed" in done.stderr
