"""Launch lines as flags of a command, as scenario files, and back."""

import json

import pytest
import yaml
from command import roofsim

LINE = "vllm serve Qwen/Qwen3-8B -tp 2 --max-num-seqs 64 --port 8000"


def test_a_pasted_line_is_answered(tmp_path):
    done = roofsim("run", "--launch", LINE, "-w", "h100-sxm", "--requests", 20, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["devices"] == 2
    assert found["model"] == "qwen3-8b"
    said = "\n".join(found["notes"])
    assert "--port ignored" in said
    assert "the load is assumed: 16 users" in said


def test_a_line_takes_the_place_of_a_scenarios_deployment():
    done = roofsim("run", "quickstart", "--launch", LINE, "--tp", 1, "--requests", 20, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["model"], found["devices"]) == ("qwen3-8b", 1)
    assert not any("assumed" in note for note in found["notes"])


def test_predictions_take_a_line_too(tmp_path):
    done = roofsim("predict", "--launch", LINE, "-w", "h100-sxm", "--batch", 8, "--json")
    assert done.returncode == 0, done.stderr
    assert any("--port" in note for note in json.loads(done.stdout)["notes"])
    cases = tmp_path / "cases.csv"
    cases.write_text("hardware,model,batch\nh100-sxm,qwen3-8b,8\nh200-sxm,qwen3-8b,8\n")
    done = roofsim("predict", "--launch", LINE, "--cases", cases, "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [bool(row.get("error")) for row in rows] == [False, False]


def test_devices_are_compared_under_one_line(tmp_path):
    done = roofsim(
        "compare", "--launch", LINE, "--hardware", "h100-sxm,h200-sxm", "--requests", 20,
        "--workers", 1, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert [r["hardware"] for r in results] == ["h100-sxm", "h200-sxm"]


def test_a_line_becomes_a_scenario_file_that_runs(tmp_path):
    out = tmp_path / "served.yaml"
    done = roofsim("import", "vllm", "-w", "h200-sxm", "-o", out, "--", *LINE.split())
    assert done.returncode == 0, done.stderr
    assert "--port" in done.stderr
    content = yaml.safe_load(out.read_text())
    assert content["deployment"] == {"engine": "vllm", "tp": 2, "max_sequences": 64}
    assert content["hardware"] == "h200-sxm"
    done = roofsim("run", out, "--requests", 20, "--json")
    assert done.returncode == 0, done.stderr
    assert any("--port" in note for note in json.loads(done.stdout)["notes"])
    done = roofsim("export", "vllm", out)
    words = done.stdout.split()
    assert words[:3] == ["vllm", "serve", "Qwen/Qwen3-8B"]
    assert words[words.index("--tensor-parallel-size") + 1] == "2"
    assert words[words.index("--max-num-seqs") + 1] == "64"


def test_a_manifest_goes_out_and_comes_back(tmp_path):
    manifest, out = tmp_path / "m.yaml", tmp_path / "s.yaml"
    done = roofsim("export", "k8s", "--launch", LINE, "-w", "b200", "-o", manifest)
    assert done.returncode == 0, done.stderr
    done = roofsim("import", "k8s", manifest, "-o", out)
    assert done.returncode == 0, done.stderr
    content = yaml.safe_load(out.read_text())
    assert (content["hardware"], content["model"]) == ("b200", "Qwen/Qwen3-8B")
    assert content["deployment"]["tp"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--launch", "vllm serve M --tensor-paralel-size 2", "-w", "b200"],
         "did you mean --tensor-parallel-size"),
        (["run", "--launch", LINE], "--hardware h100-sxm"),
        (["run"], "no scenario is named"),
        (["import", "vllm", "--", "vllm", "serve", "Qwen/Qwen3-8B", "-tp", "0"], "line: -tp"),
        (["import", "vlm", "--", "vllm"], "did you mean vllm"),
        (["import", "vllm"], "nothing to read"),
        (["import", "k8s", "nowhere.yaml"], "no such file"),
        (["export", "vlm", "quickstart"], "did you mean vllm"),
        (["export", "perfetto", "quickstart"], "--out"),
    ],
)  # fmt: skip
def test_bad_lines_end_with_one_message(arguments, said):
    done = roofsim(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
