"""A sweep answers every point once, however it is interrupted and whoever works at it."""

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from command import roofsim
from hypothesis import given, settings
from hypothesis import strategies as st
from nonempty import nonempty

import simulator as rs
from simulator.errors import InputError
from simulator.planning import sweep as sweeping
from simulator.planning.identity import question_key
from simulator.planning.space import axes_from_fields, space_of
from simulator.planning.sweep import fill, kept, rows_of, sweep
from simulator.simulate.cluster import resolve
from simulator.simulate.figures import AT_LOAD
from simulator.simulate.predict import predict, question
from simulator.simulate.run import simulate
from simulator.specs.question import changed, from_fields
from simulator.specs.scenario import Scenario

STEP = question("h100-sxm", "llama-3.1-8b", {"phase": "decode", "context": 1000})
LLAMA = {
    "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
    "max_position_embeddings": 8192,
}  # fmt: skip
OVER = {"tp": [1, 2, 3], "batch": "1..64:log:4"}
"""Twelve steps; four of them have no answer, as 32 heads cannot be divided by 3."""


@pytest.fixture(scope="module")
def whole() -> list[dict]:
    """The rows of a sweep that nothing happens to."""
    return list(sweep(STEP, OVER, workers=1).rows)


def test_rows_are_what_each_point_is_answered_alone(whole):
    assert len(whole) == 12
    for row in nonempty(whole):
        tp, batch = row["deployment.tp"], row["workload.batch"]
        if tp == 3:
            assert "32 heads" in row["error"]
            assert row["tpot_s"] is None
            continue
        alone = predict("h100-sxm", "llama-3.1-8b", tp=tp, batch=batch, context=1000).to_dict()
        assert alone.items() <= row.items()
        assert row["error"] == ""


def test_a_served_row_is_what_run_answers(scenario):
    (row,) = sweep(scenario, {"deployment.precision": ["fp8"]}, workers=1).rows
    alone = simulate(changed(scenario, from_fields({"precision": "fp8"}))).to_dict()
    assert alone["ttft_s"] is not None
    assert {key: alone[key] for key in row.keys() & alone.keys()}.items() <= row.items()
    assert {figure.key for figure in AT_LOAD} <= row.keys()


def test_the_same_rows_are_a_frame_and_a_dictionary(whole):
    pandas = pytest.importorskip("pandas", reason="pandas is an extra")
    found = rs.sweep(STEP, OVER, workers=1)
    assert found.to_dict()["rows"] == whole
    pandas.testing.assert_frame_equal(found.to_frame(), pandas.DataFrame(whole))
    assert repr(found) == (
        "<SweepResult predict over deployment.tp, workload.batch: 12 rows, 4 without an answer>"
    )


class Watched:
    """A crew of threads that work in any order, and note what they are asked."""

    def __init__(self, delays: list[float], stop_after: int | None = None) -> None:
        self.window = 3
        self.asked: list[str] = []
        self._delays, self._stop_after = delays, stop_after
        self._pool = ThreadPoolExecutor(3)

    def submit(self, make, given) -> Future:
        if self._stop_after is not None and len(self.asked) >= self._stop_after:
            raise KeyboardInterrupt
        self.asked += [each.key for each in given.questions]
        delay = self._delays[len(self.asked) % len(self._delays)]

        def later() -> object:
            time.sleep(delay)
            return make(given)

        return self._pool.submit(later)

    def check(self) -> None:
        """There always is somebody."""

    def end(self) -> None:
        self._pool.shutdown(cancel_futures=True)


@contextmanager
def watched(delays, stop_after=None):
    crew = Watched(delays, stop_after)
    try:
        yield crew
    finally:
        crew.end()


@settings(max_examples=12)
@given(
    stops=st.lists(st.integers(0, 12), max_size=3),
    delays=st.lists(st.floats(0, 0.004), min_size=3, max_size=7),
    on_submit=st.booleans(),
)
def test_a_sweep_that_is_interrupted_and_goes_on_is_like_one_that_is_not(
    whole, tmp_path_factory, stops, delays, on_submit
):
    file = tmp_path_factory.mktemp("sweep") / "rows.sqlite"
    space = space_of(axes_from_fields(OVER))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeping, "_STEPS_AT_ONCE", 1)
        for stop in [*stops, None]:

            def at(done: int, _total: int, stop=stop) -> None:
                if done == stop and not on_submit:
                    raise KeyboardInterrupt

            with kept(STEP, space, file) as results:
                before = results.answered()
                with watched(delays, stop if on_submit else None) as crew:
                    try:
                        counts = fill(results, STEP, space, crew, at)
                        assert stop is None or counts.rows == 12
                    except KeyboardInterrupt:
                        assert stop is not None
                assert len(crew.asked) == len(set(crew.asked)), "asked twice"
                assert not set(crew.asked) & before, "answered again"
                if stop is None:
                    rows = list(rows_of(results, STEP, space))
    assert rows == whole
    assert (counts.rows, counts.failed) == (12, 4)


def test_points_that_ask_the_same_are_asked_once(tmp_path):
    space = space_of(axes_from_fields({"batch": [8, 8.0, "8"], "tp": [1, 2]}))
    with kept(STEP, space, None) as results, watched([0.0]) as crew:
        counts = fill(results, STEP, space, crew)
        rows = list(rows_of(results, STEP, space))
    assert len(crew.asked) == 2
    assert (counts.rows, counts.found) == (6, 4)
    assert [row["workload.batch"] for row in rows] == [8, 8, 8.0, 8.0, "8", "8"]
    assert rows[0]["tpot_s"] == rows[2]["tpot_s"] == rows[4]["tpot_s"]


def test_a_sweep_may_grow(tmp_path, whole):
    file = tmp_path / "rows.sqlite"
    sweep(STEP, {"tp": [1], "batch": "1..64:log:4"}, out=file, workers=1)
    space = space_of(axes_from_fields(OVER))
    with kept(STEP, space, file) as results, watched([0.0]) as crew:
        counts = fill(results, STEP, space, crew)
        assert list(rows_of(results, STEP, space)) == whole
    assert counts.found == 4


def test_a_device_comes_before_the_what_ifs_of_it():
    over = {"hardware.memory.main.bandwidth": ["2 TB/s", "4 TB/s"], "hardware": ["h200-sxm"]}
    slow, fast = sweep(STEP, over, workers=1).rows
    assert slow["tpot_s"] > fast["tpot_s"]
    assert {slow["hardware"], fast["hardware"]} == {"h200-sxm"}


def test_sql_sees_fields_and_figures(tmp_path, whole):
    file = tmp_path / "rows.sqlite"
    sweep(STEP, OVER, out=file, workers=1)
    asked = 'SELECT tpot_s, error FROM results WHERE "deployment.tp" = 2 AND "workload.batch" = 64'
    connection = sqlite3.connect(file)
    found = connection.execute(asked).fetchall()
    connection.close()
    (row,) = (r for r in whole if (r["deployment.tp"], r["workload.batch"]) == (2, 64))
    assert found == [(row["tpot_s"], "")]


def damaged(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def other_bytes(file: Path) -> None:
    file.write_text("hardware,tp\nh100-sxm,1\n" * 40)


def other_database(file: Path) -> None:
    file.unlink()
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE mine (x)")
    connection.commit()
    connection.close()


def other_program(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("UPDATE subject SET content = replace(content, '+', '.9+')")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (damaged, "damaged"),
        (other_bytes, "damaged"),
        (other_database, "something else"),
        (other_program, "was answered by roofsim"),
    ],
)
def test_a_spoilt_file_is_told_and_stays_as_it_is(tmp_path, spoil, says):
    file = tmp_path / "rows.sqlite"
    sweep(STEP, OVER, out=file, workers=1)
    spoil(file)
    before = file.read_bytes()
    with pytest.raises(InputError, match=says) as refused:
        sweep(STEP, OVER, out=file, workers=1)
    assert str(file) in str(refused.value)
    assert "--out" in str(refused.value)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("scenario", "over", "says"),
    [
        (STEP, {"batch": [1, 2]}, "it sweeps deployment.tp, workload.batch, not workload.batch"),
        (changed(STEP, from_fields({"precision": "fp8"})), OVER, "what is not swept"),
        (STEP.model_copy(update={"name": "mine"}), OVER, "its scenario is predict, not mine"),
    ],
)
def test_a_file_of_another_sweep_is_told_and_stays_as_it_is(tmp_path, scenario, over, says):
    file = tmp_path / "rows.sqlite"
    sweep(STEP, OVER, out=file, workers=1)
    before = file.read_bytes()
    with pytest.raises(InputError) as refused:
        sweep(scenario, over, out=file, workers=1)
    assert says in str(refused.value)
    assert file.read_bytes() == before


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    for target in (tmp_path, tmp_path / "file" / "rows.sqlite"):
        with pytest.raises(InputError, match="cannot be written"):
            sweep(STEP, OVER, out=target, workers=1)


def test_what_no_point_can_be_asked_with_is_an_error():
    with pytest.raises(InputError, match="at least 1"):
        sweep(STEP, {"batch": [0, -1]}, workers=1)
    one, other = sweep(STEP, {"batch": [0, 1]}, workers=1).rows
    assert "at least 1" in one["error"]
    assert other["error"] == ""


def test_a_fault_of_the_program_costs_its_row_alone_and_is_asked_again(tmp_path, monkeypatch):
    file = tmp_path / "rows.sqlite"
    answer = sweeping.answer

    def faulty(scenario: Scenario) -> object:
        if scenario.workload.batch == 4:
            raise ZeroDivisionError("of nothing")
        return answer(scenario)

    monkeypatch.setattr(sweeping, "answer", faulty)
    rows = sweep(STEP, {"batch": [1, 4, 8]}, out=file, workers=1).rows
    assert [bool(row["error"]) for row in rows] == [False, True, False]
    assert "ZeroDivisionError: of nothing" in rows[1]["error"]
    monkeypatch.setattr(sweeping, "answer", answer)
    assert sweep(STEP, {"batch": [1, 4, 8]}, out=file, workers=1).failed == 0


def test_a_worker_with_another_program_is_told(monkeypatch):
    monkeypatch.setattr(sweeping, "program", iter(["a", "a", "b", "b"]).__next__)
    with pytest.raises(InputError, match="a worker runs roofsim b, and this is a"):
        sweep(STEP, {"batch": [1]}, workers=1)


def test_an_edited_file_asks_another_question(tmp_path):
    device = tmp_path / "mine.yaml"
    device.write_text("name: mine\ntitle: Mine\nbase: h100-sxm\n")
    asked = changed(STEP, from_fields({"hardware": str(device)}))
    before = question_key(asked)
    assert question_key(asked) == before
    device.write_text("name: mine\ntitle: Mine\nbase: h200-sxm\n")
    assert question_key(asked) != before
    config = tmp_path / "config.json"
    config.write_text("{}")
    drafted = changed(
        STEP,
        from_fields(
            {"deployment.speculation": {"method": "draft", "model": str(config), "depth": 3}}
        ),
    )
    before = question_key(drafted)
    small = {**LLAMA, "hidden_size": 1024}
    config.write_text(json.dumps(small))
    assert question_key(drafted) != before
    trace = tmp_path / "trace.csv"
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n0,10,5\n")
    replayed = changed(STEP, from_fields({"trace": str(trace)}))
    before = question_key(replayed)
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n0,10,6\n")
    assert question_key(replayed) != before


def test_the_command_answers_a_scenario_in_a_file_and_as_json(tmp_path):
    arguments = (
        "sweep", "quickstart", "--over", "tp=1,3", "--over", "workload.arrivals.rate=2..8:log:2",
        "--set", "workload.requests=40", "--workers", "1",
    )  # fmt: skip
    told = roofsim(*arguments, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "2 of 4 rows have no answer" in told.stderr
    assert "32 heads" in told.stdout
    assert (tmp_path / "out" / "quickstart-sweep.sqlite").exists()
    again = roofsim(*arguments, cwd=tmp_path)
    assert "2 of 4 rows were there already" in again.stdout
    found = json.loads(roofsim(*arguments, "--json", cwd=tmp_path).stdout)
    assert found["fields"] == ["deployment.tp", "workload.arrivals.rate"]
    assert [row["error"] == "" for row in found["rows"]] == [True, True, False, False]


def test_the_command_needs_no_scenario_file(tmp_path):
    told = roofsim(
        "sweep", "--model", "llama-3.1-8b", "--over", "hardware=h100-sxm,h200-sxm",
        "--sample", "lhs:6", "--over", "batch=1..64:log", "--workers", "1", "--json",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    rows = json.loads(told.stdout)["rows"]
    assert sorted(row["hardware"] for row in rows) == ["h100-sxm"] * 3 + ["h200-sxm"] * 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--over", "tp=1,2", "--tp", "2"], "--tp: has no effect"),
        ([], "nothing is swept"),
        (["--over", "tp=1,2", "--backend", "dask"], "none is named"),
        (["--over", "tp=1,2", "--sample", "sobol:5"], "sobol:4 or sobol:8"),
        (["--over", "tp=1,2", "--workers", "0"], "0 processes"),
    ],
)
def test_bad_input_ends_with_one_message(arguments, says):
    told = roofsim("sweep", "quickstart", *arguments, "--json")
    assert told.returncode == 2
    assert says in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on(tmp_path):
    over = ["--over", "tp=1,2,3", "--over", "workload.arrivals.rate=4..16:log:4"]
    asked = ["sweep", "quickstart", *over, "--set", "workload.requests=400", "--json"]
    whole = roofsim(*asked, "--workers", 1)
    assert whole.returncode == 0, whole.stderr
    file = tmp_path / "cut.sqlite"
    command = [sys.executable, "-m", "simulator.cli.main", *asked, "--workers", "2"]
    process = subprocess.Popen([*command, "--out", str(file)], stdout=subprocess.DEVNULL)
    while process.poll() is None and len(kept_rows(file)) < 2:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    before = kept_rows(file)
    assert len(before) >= 2
    rest = roofsim(*asked, "--workers", 1, "--out", file)
    assert json.loads(rest.stdout) == json.loads(whole.stdout)
    assert before <= kept_rows(file)


def kept_rows(file: Path) -> set[tuple[int, str]]:
    """Numbers and keys of the answered rows: a row that is answered again has another number."""
    if not file.exists():
        return set()
    connection = sqlite3.connect(f"file:{os.fspath(file)}?mode=ro", uri=True, timeout=30)
    try:
        return set(connection.execute("SELECT number, key FROM rows WHERE answer IS NOT NULL"))
    except sqlite3.OperationalError:
        return set()
    finally:
        connection.close()


@pytest.mark.parametrize("example", ["grid", "sample", "steps"])
def test_the_guide_can_be_followed(example, tmp_path, monkeypatch, scenario):
    # That the points can be asked is what is tried; what is answered, elsewhere.
    one = simulate(scenario)
    monkeypatch.setattr(sweeping, "simulate", lambda asked: one if resolve(asked) else None)
    text = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text()
    (_, block) = text.split(f"<!-- example: {example} -->\n```sh\n")
    tool, *arguments = shlex.split(block.split("```")[0])
    assert tool == "roofsim"
    told = roofsim(*arguments, "--workers", 1, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "no answer" not in told.stderr
