"""The same sweep on clusters of real processes, started and ended here; one of them is killed."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from command import roofsim

from simulator.cli.pace import PaceReport
from simulator.planning.sweep import sweep
from simulator.planning.workers import backends
from simulator.specs.catalogue import scenario_path
from simulator.specs.question import read_scenario

pytestmark = pytest.mark.slow

SCENARIO = read_scenario(scenario_path("quickstart"), {"workload.requests": 300})
OVER = {"tp": [1, 2, 3], "workload.arrivals.rate": "4..16:log:5"}
PATIENCE_S = 120.0
"""How long a busy machine may take to start a cluster."""


@pytest.fixture(scope="module")
def local() -> tuple:
    """What one process answers."""
    return sweep(SCENARIO, OVER, workers=1).rows


@contextmanager
def running(*command: str, folder: Path) -> Iterator[psutil.Process]:
    """A process of a cluster, and all that it starts, until the block ends."""
    log = (folder / "log.txt").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=folder, stdout=log, stderr=log, start_new_session=True
    )
    started = psutil.Process(process.pid)
    try:
        yield started
    finally:
        below = family(started)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=40)
        for each in below:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait(timeout=10)
        log.close()


def family(process: psutil.Process) -> list[psutil.Process]:
    """A process and everything it has started."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def until(condition, what: str):
    """What ``condition`` gives once it gives something."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"there was no {what} for {PATIENCE_S:.0f} s")


@pytest.fixture(scope="module")
def dask_scheduler(tmp_path_factory) -> Iterator[str]:
    """The address of a scheduler with two worker processes."""
    pytest.importorskip("distributed", reason="Dask is not installed")
    folder = tmp_path_factory.mktemp("dask")
    told = folder / "scheduler.json"
    with running(*scheduler_at(told), folder=folder):
        until(lambda: told.exists() and told.read_text(), "scheduler")
        with running(*worker_of(told), folder=folder), running(*worker_of(told), folder=folder):
            yield json.loads(told.read_text())["address"]


def scheduler_at(file: Path) -> tuple[str, ...]:
    """A scheduler that writes where it is into ``file``."""
    return (
        "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0",
        "--scheduler-file", str(file),
    )  # fmt: skip


def worker_of(file: Path) -> tuple[str, ...]:
    """A worker process of the scheduler that has written where it is into ``file``."""
    return (
        "dask", "worker", "--scheduler-file", str(file), "--host", "127.0.0.1", "--nthreads", "1",
        "--no-dashboard",
    )  # fmt: skip


@pytest.fixture(scope="module")
def ray_head() -> Iterator[tuple[str, psutil.Process]]:
    """The address of a head that has two worker processes, and the process that started it."""
    pytest.importorskip("ray", reason="Ray is not installed")
    # Its sockets lie there, and their names may have a hundred letters.
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    port = free_port()
    head = (
        "ray.scripts.scripts", "start", "--head", "--block", "--node-ip-address", "127.0.0.1",
        "--port", str(port), "--num-cpus", "2", "--object-store-memory", "100000000",
        "--include-dashboard=false", "--disable-usage-stats", "--temp-dir", str(folder),
    )  # fmt: skip
    try:
        with running(*head, folder=folder) as process:
            # It answers before its node has joined, and says so when it has.
            until(lambda: "Ray runtime started" in (folder / "log.txt").read_text(), "head")
            yield f"127.0.0.1:{port}", process
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_dask_answers_as_one_process_does_though_a_worker_is_killed(dask_scheduler, local):
    from distributed import Client

    killed = []

    def kill_once(_done: int, _total: int) -> None:
        if not killed:
            with Client(dask_scheduler, set_as_default=False) as client:
                pids = client.run(os.getpid)
                busy = [worker for worker, tasks in client.processing().items() if tasks]
            killed.append(pids[busy[0]])
            os.kill(killed[0], signal.SIGKILL)

    found = sweep(SCENARIO, OVER, backend="dask", scheduler=dask_scheduler, progress=kill_once)
    assert killed
    assert found.rows == local


def test_ray_answers_as_one_process_does_though_a_worker_is_killed(ray_head, local):
    address, process = ray_head
    killed = []

    def kill_once(_done: int, _total: int) -> None:
        busy = [each for each in family(process) if "_answered" in called(each)]
        if busy and not killed:
            killed.append(busy[0].pid)
            busy[0].kill()

    found = sweep(SCENARIO, OVER, backend="ray", scheduler=address, progress=kill_once)
    assert killed
    assert found.rows == local


def called(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def test_the_command_goes_on_elsewhere_with_what_was_found_here(dask_scheduler, tmp_path, local):
    asked = ["sweep", "quickstart", "--set", "workload.requests=300"]
    asked += ["--over", "tp=1,2,3", "--out", tmp_path / "rows.sqlite"]
    some = roofsim(*asked, "--over", "workload.arrivals.rate=4", "--workers", 1)
    assert some.returncode == 0, some.stderr
    rest = roofsim(*asked, "--over", "workload.arrivals.rate=4..16:log:5", "--json",
                   "--backend", "dask", "--scheduler", dask_scheduler)  # fmt: skip
    assert rest.returncode == 0, rest.stderr
    assert json.loads(rest.stdout)["rows"] == [dict(row) for row in local]


@pytest.mark.parametrize(
    ("backend", "module", "address"),
    [
        ("dask", "distributed", "tcp://127.0.0.1:{port}"),
        ("dask", "distributed", "nonsense://here"),
        ("ray", "ray", "127.0.0.1:{port}"),
        ("ray", "ray", "nonsense"),
    ],
)
def test_a_scheduler_that_is_not_there_is_told_and_nothing_is_lost(
    backend, module, address, tmp_path, monkeypatch
):
    pytest.importorskip(module, reason=f"{backend.capitalize()} is not installed")
    monkeypatch.setattr(backends, "_PATIENCE_S", 1.0)
    asked = ["sweep", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--over", "batch=1,2"]
    asked += ["--out", tmp_path / "rows.sqlite"]
    assert roofsim(*asked, "--workers", 1).returncode == 0
    before = (tmp_path / "rows.sqlite").read_bytes()
    scheduler = address.format(port=free_port())
    told = roofsim(*asked, "--backend", backend, "--scheduler", scheduler)
    assert told.returncode == 2, told.stderr
    assert scheduler in told.stderr
    assert f"{backend}" in told.stderr
    assert "Traceback" not in told.stderr
    assert (tmp_path / "rows.sqlite").read_bytes() == before


def test_a_scheduler_without_workers_or_that_goes_away_is_told(tmp_path, monkeypatch, capfd):
    pytest.importorskip("distributed", reason="Dask is not installed")
    told, file = tmp_path / "scheduler.json", tmp_path / "rows.sqlite"
    asked = ["sweep", "quickstart", "--set", "workload.requests=300", "--out", file, "--over",
             "tp=1,2,3", "--over", "workload.arrivals.rate=4..16:log:5", "--backend",
             "dask"]  # fmt: skip
    with running(*scheduler_at(told), folder=tmp_path) as head:
        until(lambda: told.exists() and told.read_text(), "scheduler")
        address = json.loads(told.read_text())["address"]
        monkeypatch.setattr(backends, "_PATIENCE_S", 2.0)
        alone = roofsim(*asked, "--scheduler", address)
        assert alone.returncode == 2
        assert "no worker" in alone.stderr
        assert f"dask worker {address}" in alone.stderr
        monkeypatch.setattr(backends, "_PATIENCE_S", PATIENCE_S)
        with running(*worker_of(told), folder=tmp_path):

            def end_at_first(_self: object, done: int, _total: int) -> None:
                if done:
                    with suppress(psutil.NoSuchProcess):
                        head.kill()

            monkeypatch.setattr(PaceReport, "__call__", end_at_first)
            gone = roofsim(*asked, "--scheduler", address)
    assert gone.returncode == 2, gone.stderr
    assert "the Dask scheduler is gone" in gone.stderr
    assert "Traceback" not in gone.stderr + capfd.readouterr().err
    seen: list[int] = []
    sweep(SCENARIO, OVER, workers=1, out=file, progress=lambda done, _: seen.append(done))
    assert seen[0] >= 2
