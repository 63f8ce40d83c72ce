"""A command that is killed at any moment: nothing half written, nobody left, the next one works."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import psutil
import pytest

BUDGET = int(os.environ.get("ROOFSIM_FUZZ", "40"))
IS_LONG = BUDGET > 1000
KILLS = 200 if IS_LONG else 5
PATIENCE_S = 30.0
"""How long a busy machine may take to end what is left; an orphan of the pool waits for minutes."""

CASES = "hardware,model,phase,isl,osl,concurrency\n" + "".join(
    f"h100-sxm,llama-3.1-8b,serve,{200 + 10 * n},20,4\n" for n in range(6)
)
MEASURED = "hardware,model,phase,quantity,value,engine,precision,batch,context,source\n" + "".join(
    f"apple-m4-pro,llama-3.1-8b,decode,step_time_s,{n / 1e3},llamacpp,bf16,1,{n},x\n"
    for n in range(99, 115)
)
SHORT = ["--set", "workload.requests=300", "--set"]
COMMANDS = {
    "run": ["run", "quickstart", *SHORT, "workload.seed=SEED", "--out", "report"],
    "compare": ["compare", "quickstart", "--hardware", "h100-sxm,h200-sxm", "--workers", "2",
                *SHORT, "workload.seed=SEED", "--out", "comparison"],
    "cases": ["predict", "--cases", "cases.csv", "--seed", "SEED", "--out", "answers.csv"],
    "calibrate": ["calibrate", "engine", "measured.csv", "--device", "apple-m4-pro",
                  "--measured-with", "SEED", "--out", "calibrated.yaml"],
    "export": ["export", "perfetto", "quickstart", *SHORT, "workload.seed=SEED",
               "--out", "trace.json"],
}  # fmt: skip
OLD, NEW = "1", "2"


def start(home: Path, name: str, seed: str) -> "subprocess.Popen[bytes]":
    """The command in a session of its own, so that whoever it leaves behind is known.

    It hears interrupts even where these tests, run in the background, do not.
    """
    words = [seed if word == "SEED" else word.replace("SEED", seed) for word in COMMANDS[name]]
    command = [sys.executable, "-m", "simulator.cli.main", *words]
    return subprocess.Popen(
        command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True, preexec_fn=hear_interrupts,
    )  # fmt: skip


def hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def contents(home: Path) -> dict[str, bytes]:
    """Every file that a user sees, and what is in it."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and not str(path.relative_to(home)).startswith(".")
    }


def left_over(home: Path) -> list[Path]:
    return sorted(home.rglob(".roofsim-*"))


def members(session: int) -> list[int]:
    """Processes of a session that have not ended."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if process.status() != psutil.STATUS_ZOMBIE and os.getsid(process.pid) == session:
                found.append(process.pid)
    return found


def finished(home: Path, name: str, seed: str) -> float:
    """Seconds of a run that nobody kills."""
    began = time.monotonic()
    process = start(home, name, seed)
    told = process.communicate()[0]
    assert process.returncode == 0, told.decode()
    return time.monotonic() - began


@pytest.fixture(scope="module", params=sorted(COMMANDS))
def command(request, tmp_path_factory) -> tuple[str, Path, dict[str, bytes], float]:
    """A command, a folder with what an old run of it wrote, the files of a new one, its seconds."""
    home = tmp_path_factory.mktemp(request.param)
    (home / "cases.csv").write_text(CASES)
    (home / "measured.csv").write_text(MEASURED)
    fresh = shutil.copytree(home, home.with_name(home.name + "-new"))
    finished(home, request.param, OLD)
    seconds = finished(fresh, request.param, NEW)
    return request.param, home, contents(fresh), seconds


@pytest.mark.slow
def test_a_killed_command_leaves_nothing_half_done(command, tmp_path):
    name, old, whole, seconds = command
    random = Random(name)
    swept = outcomes = 0
    for _ in range(max(1, KILLS // len(COMMANDS))):
        home = tmp_path / "home"
        if random.random() < 0.5:
            shutil.copytree(old, home)
        else:
            home.mkdir()
            for given in ("cases.csv", "measured.csv"):
                shutil.copy(old / given, home)
        before = contents(home)
        process = start(home, name, NEW)
        time.sleep(seconds * random.choice([random.uniform(0, 1.1), random.uniform(0.6, 1.0)]))
        process.send_signal(
            random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        )
        # Whoever holds the output still would keep its reader waiting.
        process.communicate(timeout=PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        while (alive := members(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not alive, f"{name} left {alive}"
        after = contents(home)
        assert after in (before, whole), f"{name} left {sorted(after)}"
        outcomes += after == whole
        swept += bool(left_over(home))
        finished(home, name, NEW)
        assert contents(home) == whole
        assert left_over(home) == []
        shutil.rmtree(home)
    print(f"{outcomes} were killed too late; {swept} left what the next run swept away")
    assert not list(tmp_path.iterdir())
