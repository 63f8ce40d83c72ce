"""What lands in a report's folder, and what does not when something goes wrong."""

import csv
import json
import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from simulator.errors import InputError
from simulator.files.whole_folder import check_folder
from simulator.report import columns, write
from simulator.serving.outcome.records import REJECTED
from simulator.simulate.comparison import Comparison

NOBODY = 65534

REQUEST_COLUMNS = (
    "request_id,arrival_s,input_tokens,output_tokens,cached_tokens,ttft_s,tpot_s,e2e_s,queue_s,"
    "replica,preemptions,status"
)


@pytest.fixture(scope="module")
def report(result, tmp_path_factory) -> tuple[Path, list[Path]]:
    """The folder of a report, and the files that were said to be written."""
    folder = tmp_path_factory.mktemp("written") / "new" / "report"
    return folder, write.write_report(result, folder)


def test_a_report_has_every_file(report):
    folder, paths = report
    names = {p.name for p in paths}
    charts = {f"{c}.{e}" for c in ("latency", "timeline", "operators", "roofline")
              for e in ("svg", "png")}  # fmt: skip
    assert names == {"summary.json", "requests.csv", "report.html"} | charts
    assert all(p.stat().st_size > 0 for p in paths)
    assert {p.name for p in folder.iterdir()} == names
    assert [p.name for p in folder.parent.iterdir()] == ["report"]


def test_summary_is_the_result(result, report):
    folder, _ = report
    read = json.loads((folder / "summary.json").read_text())
    assert read == json.loads(json.dumps(result.to_dict()))


def test_requests_have_their_columns_and_one_row_each(result, tmp_path):
    columns.write_requests(result.records, tmp_path / "requests.csv")
    with (tmp_path / "requests.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert ",".join(header) == REQUEST_COLUMNS
    assert len(rows) == len(result.records.arrival_s)
    ttft = np.array([float(row[header.index("ttft_s")]) for row in rows])
    np.testing.assert_allclose(ttft, result.records.ttft_s, rtol=1e-6)
    assert {row[-1] for row in rows} == {"finished"}


def test_a_time_that_never_came_is_empty(result, tmp_path):
    records = result.records
    first, status = records.first_token_s.copy(), records.status.copy()
    started, finished = records.started_s.copy(), records.finished_s.copy()
    first[3] = started[3] = finished[3] = np.nan
    status[3] = REJECTED
    changed = replace(records, first_token_s=first, started_s=started, finished_s=finished,
                      status=status)  # fmt: skip
    columns.write_requests(changed, tmp_path / "requests.csv")
    with (tmp_path / "requests.csv").open(newline="") as file:
        row = list(csv.DictReader(file))[3]
    assert [row[k] for k in ("ttft_s", "tpot_s", "e2e_s", "queue_s")] == ["", "", "", ""]
    assert row["status"] == "rejected"
    assert row["input_tokens"] == str(records.input_tokens[3])


def test_a_second_report_replaces_the_first_and_spares_other_files(report, results, tmp_path):
    folder = shutil.copytree(report[0], tmp_path / "report")
    (folder / "mine.txt").write_text("kept")
    write.write_report(results[1], folder)
    for name in ("summary.json", "report.html", "latency.svg", "latency.png"):
        assert (folder / name).read_bytes() != (report[0] / name).read_bytes(), name
    assert json.loads((folder / "summary.json").read_text())["hardware"] == results[1].hardware
    assert (folder / "mine.txt").read_text() == "kept"
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("existing", [True, False])
def test_a_failure_leaves_nothing_behind(result, tmp_path, monkeypatch, existing):
    folder = tmp_path / "a" / "b"
    if existing:
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "write_requests", fail)
    with pytest.raises(InputError, match="No space left"):
        write.write_report(result, folder)
    if existing:
        assert [p.name for p in folder.iterdir()] == ["summary.json"]
        assert (folder / "summary.json").read_text() == "old"
    else:
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", [(), ("report",)])
def test_a_folder_that_cannot_be_is_refused_at_once(result, tmp_path, below):
    file = tmp_path / "file"
    file.write_text("not a folder")
    folder = file.joinpath(*below)
    with pytest.raises(InputError, match=re.escape(str(folder))) as raised:
        check_folder(folder, write.REPORT)
    assert raised.value.remedy
    with pytest.raises(InputError):
        write.write_report(result, folder)


@contextmanager
def an_ordinary_user():
    """Root may write everywhere; whoever tests as root becomes nobody for a moment."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(me)


def test_a_read_only_folder_is_refused_at_once():
    # Not below pytest's own folder, which nobody else may enter.
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        with an_ordinary_user():
            assert list(folder.iterdir()) == []
            with pytest.raises(InputError, match=re.escape(name)):
                check_folder(folder / "report", write.REPORT)
        folder.chmod(0o700)
        check_folder(folder / "report", write.REPORT)


def test_checking_leaves_no_trace(tmp_path):
    check_folder(tmp_path / "not" / "yet", write.REPORT)
    assert list(tmp_path.iterdir()) == []


def test_a_comparison_has_every_file_and_system(results, tmp_path):
    paths = write.write_comparison(Comparison(tuple(results), ("a", "b", "c")), tmp_path)
    assert {p.name for p in paths} == {
        f"comparison.{e}" for e in ("json", "csv", "svg", "png", "html")
    }
    read = json.loads((tmp_path / "comparison.json").read_text())["results"]
    assert [r["hardware"] for r in read] == [r.hardware for r in results]
    with (tmp_path / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(r["ttft_s"]) for r in rows] == [r.metrics.ttft_s.mean for r in results]
    assert rows[2]["usd_per_million_tokens"] == ""


def test_the_roof_of_a_device_alone(tmp_path):
    paths = write.write_device_roof("b200", tmp_path)
    assert [p.name for p in paths] == ["b200-roofline.png", "b200-roofline.svg"]
    assert "NVIDIA B200" in paths[1].read_text()
