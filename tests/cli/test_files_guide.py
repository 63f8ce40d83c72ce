"""The guide to one's own files, followed to the letter: each command works on such files."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml
from command import roofsim
from nonempty import nonempty

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "traces" / "results"))
import files

from simulator.traces.formats import FORMATS

GUIDE = Path(__file__).resolve().parent.parent.parent / "docs" / "files.md"
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of the names in the guide; commands may use what others wrote."""
    folder = tmp_path_factory.mktemp("guide")
    served = {**files.SGLANG, "backend": "vllm", "model_id": "qwen3-8b", "server_info": None}
    runs = [
        served | {"max_concurrency": users, "completed": 20, "mean_ttft_ms": 60.0 + 5 * users,
                  "mean_tpot_ms": 7.0 + users / 10, "total_input_tokens": 5120,
                  "total_output_tokens": 640}
        for users in (1, 2, 4)
    ]  # fmt: skip
    container = {
        "image": "vllm/vllm-openai:latest",
        "args": ["--model", "Qwen/Qwen3-8B", "--tensor-parallel-size", "2"],
    }
    pod = {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [container]}}}}
    contents = {
        "launch.sh": "TP=2\npython3 -m sglang.launch_server --model-path Qwen/Qwen3-8B \\\n"
        "  --tp $TP --port 30000\n",
        "manifest.yaml": yaml.safe_dump(pod),
        "bench.json": json.dumps(files.VLLM),
        "detailed.json": json.dumps(files.DETAILED),
        "llama-bench.md": files.LLAMA_TABLE,
        "sglang.jsonl": files.lines_of([files.SGLANG, files.SGLANG]),
        "metrics.prom": files.scrape(100),
        "later.prom": files.scrape(300),
        "azure.csv": "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n",
        "failed.csv": "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "0,m,100,20,120,x\n1,m,200,0,200,x\n",
        "sharegpt.json": json.dumps(files.SHAREGPT),
        "runs.jsonl": files.lines_of(runs),
    }
    for name, content in contents.items():
        (folder / name).write_text(content)
    return folder


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_guide_works(folder, line):
    program, *words = shlex.split(line)
    assert program == "roofsim"
    # Their reports are drawn in other tests.
    words += ["--json"] if words[0] == "run" else []
    done = roofsim(*words, cwd=folder)
    assert done.returncode == 0, done.stderr


def test_the_guide_lists_every_format():
    text = GUIDE.read_text(encoding="utf-8").lower()
    of = {"aiperf-records": "aiperf", "spans": "opentelemetry", "csv": "any csv"}
    for name in nonempty(FORMATS):
        assert of.get(name, name.split("-")[0]) in text, name
