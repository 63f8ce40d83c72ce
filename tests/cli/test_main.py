"""How the command ends when something beside the question goes wrong."""

import subprocess
import sys

import pytest
from command import roofsim

from simulator.cli import predict

ASKED = ("predict", "-w", "h100-sxm", "-m", "llama-3.1-8b")


def in_a_shell(command: str) -> subprocess.CompletedProcess:
    program = f"{sys.executable} -m simulator.cli.main {' '.join(ASKED)}"
    return subprocess.run(
        ["bash", "-c", command.format(program=program)], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("to", ["--json > /dev/full", ">&-"])
def test_output_that_cannot_be_written_is_told(to):
    done = in_a_shell(f"{{program}} {to}")
    assert done.returncode == 2
    assert done.stderr.startswith("roofsim: standard output: cannot be written: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_may_go():
    done = in_a_shell("{program} --json | head -c 3; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.endswith("0\n")
    assert done.stderr == ""


@pytest.mark.parametrize("failure", [ZeroDivisionError("by zero"), RecursionError("deep")])
def test_a_fault_of_the_program_says_what_failed_and_how_to_report_it(
    monkeypatch, tmp_path, failure
):
    def fail(*_):
        raise failure

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(predict.Asked, "point", fail)
    done = roofsim(*ASKED)
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"internal failure: {type(failure).__name__}: {failure}" in done.stderr
    assert "report it" in done.stderr
    assert "Traceback" not in done.stderr
    (report,) = tmp_path.glob("roofsim-failure-*.txt")
    text = report.read_text(encoding="utf-8")
    assert "Traceback" in text
    assert "'predict' '-w' 'h100-sxm'" in text


def test_too_little_memory_is_told(monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(predict.Asked, "point", fail)
    done = roofsim(*ASKED)
    assert done.returncode == 1
    assert "out of memory" in done.stderr
